// The samples that a checkpoint was trained on, by name and content:
// samples.json beside its manifest. With it a later start tells renamed clips
// from other ones, and says which were added, removed or changed.
#ifndef HP_COORDINATOR_RUN_SAMPLE_LIST_H_
#define HP_COORDINATOR_RUN_SAMPLE_LIST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

inline constexpr char kSampleListName[] = "samples.json";

// One sample. `latents` and `context` are the names of its cache files, which
// are digests of what the clip and the caption are (decision 16).
struct ListedSample {
  std::string name;  // the medium's path, relative to data.path where within
  std::string latents;
  std::string context;

  friend bool operator==(const ListedSample&, const ListedSample&) = default;
};

struct SampleList {
  std::string digest;  // the data set's, before samples are held out
  std::vector<ListedSample> samples;

  friend bool operator==(const SampleList&, const SampleList&) = default;
};

[[nodiscard]] SampleList ListSamples(const std::string& data_path,
                                     const std::string& digest,
                                     const std::vector<SampleRef>& samples);

// Equal lists give equal text. Bytes of names that are not UTF-8 are replaced.
[[nodiscard]] std::string ToJson(const SampleList& list);
// InvalidArgument names the field that is missing or of another type.
[[nodiscard]] absl::StatusOr<SampleList> SampleListFromJson(
    absl::string_view text);

// What has come between two lists, by name.
struct SampleChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;  // "a.mp4 (caption)"
  // Every sample has changed so, which no edit of the data set does.
  bool every_clip = false;
  bool every_caption = false;

  [[nodiscard]] bool none() const {
    return added.empty() && removed.empty() && changed.empty();
  }
};

// Samples that were only renamed or moved are no change; of equal samples each
// counts once.
[[nodiscard]] SampleChanges CompareSamples(const SampleList& before,
                                           const SampleList& now);

// "2 samples were added (a.mp4, b.mp4), 1 was removed (c.mp4)", with at most
// ten names each. Where every clip or caption has changed, also the keys that
// do that.
[[nodiscard]] std::string ChangesText(const SampleChanges& changes);

// For each sample of `before` the index of its like in `now`; nullopt where
// they are not the same samples.
[[nodiscard]] std::optional<std::vector<size_t>> OrderOf(
    const SampleList& before, const SampleList& now);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_SAMPLE_LIST_H_
