#include "stage/wan/load_stage_model.h"

#include <utility>

#include "common/base/status.h"
#include "stage/wan/wan_model.h"

namespace halfpipe {

absl::StatusOr<std::unique_ptr<StageModel>> LoadStageModel(
    const WeightSource& source, const StageModelOptions& options,
    const UniformSource& uniform) {
  HP_ASSIGN_OR_RETURN(std::unique_ptr<WanPart> part,
                      WanPart::Create(source, options, uniform));
  return std::make_unique<WanModel>(std::move(part));
}

}  // namespace halfpipe
