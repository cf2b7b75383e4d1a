// The links of this build behind runtime's LinkFactory.
#ifndef HP_STAGE_LINK_LINK_FACTORY_H_
#define HP_STAGE_LINK_LINK_FACTORY_H_

#include <memory>
#include <string>

#include "stage/runtime/link_factory.h"

namespace halfpipe {

// "local" always, "nccl" in a build with CUDA. `max_ctas` as in LinkOptions.
[[nodiscard]] std::unique_ptr<LinkFactory> MakeLinkFactory(int max_ctas = 0);

// "2.28.9": of the NCCL that is loaded; empty in a build without CUDA.
[[nodiscard]] std::string NcclVersion();

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LINK_FACTORY_H_
