// Six short clips, drawn by formulas, with captions that say what is on them.
#ifndef HP_CLIENT_DEMO_DEMO_CLIPS_H_
#define HP_CLIENT_DEMO_DEMO_CLIPS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace halfpipe {

inline constexpr int kDemoClipSide = 64;  // pixels
inline constexpr int kDemoClipFrames = 24;

// In the order of the clips.
[[nodiscard]] std::vector<std::string> DemoCaptions();

// Writes clip-1.avi, ... (16 frames a second, pixels as they are) and
// metadata.csv into `folder`, which is made. Always the same bytes. Codes:
// those of AtomicFile.
[[nodiscard]] absl::Status WriteDemoClips(const std::string& folder);

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_DEMO_CLIPS_H_
