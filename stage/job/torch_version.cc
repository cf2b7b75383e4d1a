#include "stage/job/torch_version.h"

#include <torch/headeronly/version.h>

namespace halfpipe {

std::string TorchVersion() { return TORCH_VERSION; }

}  // namespace halfpipe
