// The libtorch that this program was built with.
#ifndef HP_STAGE_JOB_TORCH_VERSION_H_
#define HP_STAGE_JOB_TORCH_VERSION_H_

#include <string>

namespace halfpipe {

// "2.11.0".
[[nodiscard]] std::string TorchVersion();

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_TORCH_VERSION_H_
