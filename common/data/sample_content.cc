#include "common/data/sample_content.h"

#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/store/file_form.h"

namespace halfpipe {

absl::StatusOr<std::vector<Sample>> LoadSamplesWithContent(
    const DataSource& source) {
  HP_ASSIGN_OR_RETURN(std::vector<Sample> samples, LoadSamples(source));
  // Where bad files are skipped, which ones they are is a part of the data's
  // digest, and decided where they are decoded.
  if (source.missing != nullptr) return samples;
  std::vector<std::string> problems;
  std::vector<Sample> found;
  for (const Sample& sample : samples) {
    const absl::Status content = CheckHasContent(sample.media_path);
    if (content.ok()) {
      found.push_back(sample);
    } else {
      problems.emplace_back(content.message());
    }
  }
  if (problems.empty()) return samples;
  if (source.found != nullptr) *source.found = std::move(found);
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

}  // namespace halfpipe
