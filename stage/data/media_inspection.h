// What media files are and whether they can be trained, without their pixels:
// the decoder reads them as it does for training and says what it found.
#ifndef HP_STAGE_DATA_MEDIA_INSPECTION_H_
#define HP_STAGE_DATA_MEDIA_INSPECTION_H_

#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/decode_protocol.h"
#include "common/data/media_facts.h"
#include "stage/data/decoder_client.h"

namespace halfpipe {

struct InspectionOptions {
  DecoderOptions decoder;
  // Decoders that run at a time, one a core; 0: as many as there are cores.
  int parallel = 0;
  // Told after each file how many are done, from any thread, one at a time.
  std::function<void(size_t done, size_t count)> on_progress = {};
  std::stop_token stop = {};
};

// For each item, in their order, its facts or what DecoderClient::DecodeBatch
// would say against it ("file: what is wrong"; the same codes, the same
// deadline a file). Every item's `mode` is the caller's: kInspect decodes all
// frames that would be trained, kProbe only as much as the facts need, and
// `frames` is then 0 for a clip whose container does not say. Nothing is
// written. FailedPrecondition when the decoder cannot run, Cancelled on `stop`.
[[nodiscard]] absl::StatusOr<std::vector<absl::StatusOr<MediaFacts>>>
InspectMedia(const std::vector<DecodeItem>& items,
             const InspectionOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_MEDIA_INSPECTION_H_
