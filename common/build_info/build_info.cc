#include "common/build_info/build_info.h"

#include "absl/strings/str_cat.h"
#include "build_info_values.h"

namespace halfpipe {

const BuildInfo& ThisBuild() {
  static const auto* const info =
      new BuildInfo{HP_READ_VERSION, HP_READ_COMMIT, HP_BUILT_TORCH,
                    HP_BUILT_CUDA, HP_BUILT_NCCL};
  return *info;
}

std::string VersionText(absl::string_view program) {
  const BuildInfo& info = ThisBuild();
  return absl::StrCat(program, " ", info.version, "\ncommit ", info.commit,
                      ", built for libtorch ", info.libtorch, ", CUDA ",
                      info.cuda, ", NCCL ", info.nccl);
}

}  // namespace halfpipe
