#include "common/jobs/stage_progress.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {
namespace {

std::string Counted(absl::string_view what, const StageProgress& progress) {
  return absl::StrCat(what, " ", progress.done, "/", progress.total);
}

}  // namespace

std::string ProgressText(const StageProgress& progress) {
  switch (progress.work) {
    case StageWork::kUnknown:
      return "";
    case StageWork::kIdle:
      return "idle";
    case StageWork::kStopping:
      return "stopping";
    case StageWork::kReadingHeaders:
      return "reading headers and metadata";
    case StageWork::kCountingTokens:
      return "counting the captions' tokens";
    case StageWork::kReadingDataSet:
      return Counted("reading the data set", progress);
    case StageWork::kLookingAtMedia:
      return Counted("looking at the media", progress);
    case StageWork::kLookingAtClips:
      return Counted("looking at clips", progress);
    case StageWork::kLoadingTextEncoder:
      return Counted("loading the text encoder", progress);
    case StageWork::kEncodingCaptions:
      return Counted("encoding captions", progress);
    case StageWork::kLoadingVae:
      return Counted("loading the VAE", progress);
    case StageWork::kEncodingClips:
      return Counted("encoding clips", progress);
    case StageWork::kOpeningModel:
      return "loading the model";
    case StageWork::kLoadingWeights:
      return absl::StrCat("loading the model, ", progress.done, " tensors");
    case StageWork::kPreparingModel:
      return "preparing the model";
    case StageWork::kJoining:
      return "joining the pair";
    case StageWork::kTraining:
      return "training";
    case StageWork::kValidating:
      return absl::StrCat("validating, action ", progress.done);
  }
  return "";
}

}  // namespace halfpipe
