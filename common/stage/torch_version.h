// The libtorch that this program was built with.
#ifndef HP_COMMON_STAGE_TORCH_VERSION_H_
#define HP_COMMON_STAGE_TORCH_VERSION_H_

#include <string>

namespace halfpipe {

// "2.11.0".
[[nodiscard]] std::string TorchVersion();

}  // namespace halfpipe

#endif  // HP_COMMON_STAGE_TORCH_VERSION_H_
