// Everything in front of the first block: patches, text, time and image. All of
// it is frozen, so there is no backward. It is a small part of the work and
// every later error starts here, so it is float32 whatever the compute dtype;
// what goes to the blocks is rounded once.
#ifndef HP_STAGE_WAN_EMBEDDINGS_H_
#define HP_STAGE_WAN_EMBEDDINGS_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/model/model_spec.h"
#include "stage/wan/boundary.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/microbatch_inputs.h"
#include "stage/wan/variant_parts.h"

namespace halfpipe {

// The sizes of these inputs, after checking them against the model.
// InvalidArgument names the input, the expected and the found shape.
[[nodiscard]] absl::StatusOr<MicrobatchShape> ShapeOfInputs(
    const ModelSpec& model_spec, const MicrobatchInputs& inputs);

struct Embedded {
  at::Tensor x;               // (B, L, D) compute dtype
  Conditioning conditioning;  // without rope
  at::Tensor time;            // (B, G, D) float32, for the head
};

class Embeddings {
 public:
  [[nodiscard]] static absl::StatusOr<Embeddings> Load(
      const LayerLoader& loader);

  // REQUIRES: ShapeOfInputs accepted the inputs. Runs inside a TorchGuard.
  [[nodiscard]] Embedded Forward(const MicrobatchInputs& inputs) const;

 private:
  struct ImageEmbedding {
    at::Tensor positions;  // (1, Li, image_dim) float32; undefined: none
    NormWeights first_norm, last_norm;
    LinearWeights inner, outer;
  };

  [[nodiscard]] absl::Status LoadImage(const LayerLoader& loader);
  // Each float32.
  [[nodiscard]] at::Tensor EmbedPatches(const MicrobatchInputs& inputs) const;
  [[nodiscard]] at::Tensor EmbedText(const at::Tensor& context) const;
  [[nodiscard]] at::Tensor EmbedImage(const at::Tensor& clip_feature) const;
  // (B, G, D) from timesteps (B, G).
  [[nodiscard]] at::Tensor EmbedTime(const at::Tensor& timesteps) const;

  ModelSpec model_spec_;
  LoraPlacement placement_;
  LinearWeights patch_;                    // (D, C * patch)
  LinearWeights text_inner_, text_outer_;  // text_embedding.0, .2
  LinearWeights time_inner_, time_outer_;  // time_embedding.0, .2
  LinearWeights time_projection_;          // time_projection.1
  std::optional<ImageEmbedding> image_;
  std::shared_ptr<const VariantEmbedding> variant_;  // null: no split tensors
};

// [cos | sin] of t * 10000^(-i / (width / 2)), computed in float64: (...,
// width) float32 from t (...).
at::Tensor TimestepSinusoid(const at::Tensor& timesteps, int64_t width);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_EMBEDDINGS_H_
