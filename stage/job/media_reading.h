// What a job makes of its media: how each is asked of the decoder, which are
// refused for what they are, and what their cache keys say of it.
#ifndef HP_STAGE_JOB_MEDIA_READING_H_
#define HP_STAGE_JOB_MEDIA_READING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/data/decode_protocol.h"
#include "common/data/media_facts.h"
#include "common/model/model_spec.h"
#include "stage/data/media_inspection.h"

namespace halfpipe {

// What the decoder is asked for, with its pixels. REQUIRES: a valid config.
[[nodiscard]] DecodeItem MediaItem(const DataConfig& data,
                                   const std::string& path);

// InvalidArgument, "PATH: is a picture ...", when the medium is one that the
// model learns nothing from and data.stills does not ask for all the same.
[[nodiscard]] absl::Status CheckStill(const DataConfig& data,
                                      const ModelSpec& model_spec,
                                      const std::string& path,
                                      const MediaFacts& facts);

// InvalidArgument when data.frames makes a still of every clip, for such a
// model and without that word.
[[nodiscard]] absl::Status CheckFrames(const DataConfig& data,
                                       const ModelSpec& model_spec);

// "2 of 9 clips ...": which clips have another frame rate than the model makes,
// by far, or "". `facts` are of `paths`; nullopt: not known.
[[nodiscard]] std::string FrameRateWarning(
    const ModelSpec& model_spec, const std::vector<std::string>& paths,
    const std::vector<std::optional<MediaFacts>>& facts);

// "2 of 9 clips are interlaced ...", or "".
[[nodiscard]] std::string InterlacedWarning(
    const std::vector<std::string>& paths,
    const std::vector<std::optional<MediaFacts>>& facts);

// How a scan learns what media are (InspectMedia, with the decoder of this
// machine). Empty: it does not, and takes them for what the first releases did.
using MediaProbe =
    std::function<absl::StatusOr<std::vector<absl::StatusOr<MediaFacts>>>(
        const std::vector<DecodeItem>& items)>;

// A medium of the data set.
struct MediumRef {
  std::string path;
  std::string digest;  // of its content, hex SHA-256
};

// The facts of each medium, of which `frames` frames are wanted; nullopt for
// one that the decoder cannot read, which says so when it is encoded. What was
// found before is taken from the index in the cache folder, and what is new is
// added to it. A decoder that cannot run is a warning: everything may be in the
// cache.
[[nodiscard]] absl::StatusOr<std::vector<std::optional<MediaFacts>>> FactsOf(
    const std::vector<MediumRef>& media, int64_t frames,
    const std::string& index_path, const MediaProbe& probe,
    std::vector<std::string>* warnings);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_MEDIA_READING_H_
