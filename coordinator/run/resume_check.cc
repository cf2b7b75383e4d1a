#include "coordinator/run/resume_check.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "coordinator/run/validation.h"

namespace halfpipe {
namespace {

// "was A and is B now", of what may not have been recorded.
void SayChange(absl::string_view what, const std::string& was,
               const std::string& is, absl::string_view effect,
               std::vector<std::string>* notices) {
  if (was.empty() || is.empty() || was == is) return;
  notices->push_back(
      absl::StrCat(what, " was ", was, " and is ", is, " now: ", effect));
}

}  // namespace

std::string DeviceKind(const StageInfo& stage) {
  return absl::StartsWith(stage.device, "cuda") ? "cuda" : "cpu";
}

absl::Status CheckWeights(const CheckpointManifest& manifest,
                          const ScanResult& scan,
                          const std::string& directory) {
  if (!manifest.has_record()) return absl::OkStatus();
  std::vector<std::string> problems;
  if (manifest.model_digest != scan.model_digest) {
    problems.push_back(absl::StrCat(
        "model.dit: holds other weights than ", directory,
        " was trained on (the other expert, or another release?)"));
  }
  if (manifest.init_digest != scan.init_digest) {
    problems.push_back(absl::StrCat(
        "lora.init_from: ",
        scan.init_digest.empty()       ? "is empty, but "
        : manifest.init_digest.empty() ? "is given, but "
                                       : "holds another LoRA than ",
        directory,
        scan.init_digest.empty()       ? " started from a LoRA"
        : manifest.init_digest.empty() ? " started from a fresh one"
                                       : " started from"));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      absl::StrJoin(problems, "\n"),
      "\nName the file that it was trained on, give this job another "
      "output.dir, or add --replace"));
}

std::vector<std::string> ResumeNotices(const CheckpointManifest& manifest,
                                       const StageInfo* stage,
                                       const JobConfig& config,
                                       const std::string& directory) {
  std::vector<std::string> notices;
  if (!manifest.has_record()) {
    notices.push_back(absl::StrCat(
        directory,
        " was made by an older version, which did not record the weights "
        "it was trained on: make sure that model.dit and lora.init_from are "
        "the same"));
  }
  const std::string device =
      stage == nullptr ? manifest.device : DeviceKind(*stage);
  const char* last_bits = "the last bits of the result may differ";
  SayChange("pipeline.threads", absl::StrCat(manifest.threads),
            absl::StrCat(config.pipeline.threads),
            device == "cpu" ? last_bits : "nothing else changes", &notices);
  SayChange("the stages' device", manifest.device, device, last_bits, &notices);
  // That of the CPU, which decides nothing on a GPU.
  if (device == "cpu") {
    SayChange("the stages' arithmetic", manifest.arithmetic,
              stage == nullptr ? "" : stage->arithmetic, last_bits, &notices);
  }
  return notices;
}

absl::Status OtherDataError(const std::string& directory,
                            const std::string& what) {
  return absl::AlreadyExistsError(absl::StrCat(
      "data: is not what ", directory, " was trained on: ", what,
      "\nPut the data set back as it was, add --accept-data to go on with it "
      "as it is (the samples then come in another order), give this job "
      "another output.dir, or add --replace, which keeps the checkpoints in a "
      "folder there that has the date in its name and begins anew"));
}

std::string OtherDigestText(const DataConfig& data,
                            const std::optional<SampleList>& recorded,
                            const std::string& digest) {
  const bool same_samples =
      data.is_random() || (recorded.has_value() && recorded->digest == digest);
  return same_samples ? "other samples are held out (validation.samples, "
                        "validation.seed)"
         : recorded.has_value()
             ? "other samples"
             : "an older version made it, and recorded no list of its samples";
}

void TakeOrder(const SampleList& recorded, const std::vector<size_t>& order,
               ScanResult* scan) {
  std::vector<SampleRef> samples;
  samples.reserve(order.size());
  for (const size_t place : order) samples.push_back(scan->samples[place]);
  scan->samples = std::move(samples);
  scan->data_digest = recorded.digest;
}

absl::StatusOr<std::string> TrainingDigest(const ValidationConfig& validation,
                                           const ScanResult& scan) {
  if (!validation.is_on()) return scan.data_digest;
  HP_ASSIGN_OR_RETURN(HeldOutSplit split, HoldOut(validation, scan));
  return std::move(split.data_digest);
}

SampleChanges ChangesBeforeEncoding(const SampleList& before,
                                    const ScanResult& scan,
                                    const DataConfig& data) {
  std::vector<SampleRef> samples;
  const bool may_drop = data.on_bad_file == BadFilePolicy::kSkip;
  SampleChanges all =
      CompareSamples(before, ListSamples(data.path, "", scan.samples));
  if (!may_drop || all.added.empty()) return all;
  for (const SampleRef& sample : scan.samples) {
    if (sample.cached) samples.push_back(sample);
  }
  const SampleChanges cached =
      CompareSamples(before, ListSamples(data.path, "", samples));
  all.added = cached.added;
  return all;
}

}  // namespace halfpipe
