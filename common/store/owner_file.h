// How a folder says that halfpipe made it. A name proves nothing
// (docs/decisions/0076).
#ifndef HP_COMMON_STORE_OWNER_FILE_H_
#define HP_COMMON_STORE_OWNER_FILE_H_

namespace halfpipe {

// In a folder that is being filled or deleted, and in the one of the curves. A
// finished checkpoint has its manifest instead.
inline constexpr char kOwnerFileName[] = ".halfpipe-owner";

// The folder of the curves in an output folder; "metrics-2", ... where somebody
// else's has the name.
inline constexpr char kCurveFolderName[] = "metrics";

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_OWNER_FILE_H_
