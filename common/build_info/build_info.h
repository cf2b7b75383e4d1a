// Which build this is. A library of its own, so that a commit relinks the
// programs and nothing else.
#ifndef HP_COMMON_BUILD_INFO_BUILD_INFO_H_
#define HP_COMMON_BUILD_INFO_BUILD_INFO_H_

#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What this build was made of. The libraries are those it was built against: a
// client or a coordinator has none of them, and names its stages' ones; "none"
// in a build without.
struct BuildInfo {
  std::string version;  // "1.2.0", "0.1.0-dev.245" (cmake/Version.cmake)
  std::string commit;   // "7c4529e2f0aa", "+changes" behind it, or "unknown"
  std::string libtorch;
  std::string cuda;
  std::string nccl;
};

[[nodiscard]] const BuildInfo& ThisBuild();

// What --version prints: "PROGRAM VERSION", and the rest on a second line.
[[nodiscard]] std::string VersionText(absl::string_view program);

}  // namespace halfpipe

#endif  // HP_COMMON_BUILD_INFO_BUILD_INFO_H_
