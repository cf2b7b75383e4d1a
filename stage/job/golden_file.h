// The golden files of the parity contract: inputs, LoRA weights, and what an
// independent implementation made of them.
#ifndef HP_STAGE_JOB_GOLDEN_FILE_H_
#define HP_STAGE_JOB_GOLDEN_FILE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/model_spec.h"
#include "stage/train/microbatch_source.h"

namespace halfpipe {

// A golden file in memory, on the CPU, checked for completeness.
struct GoldenFile {
  int64_t rank = 0;
  double alpha = 0.0;
  bool first_frame_given = false;
  std::map<std::string, at::Tensor> inputs;  // "latents" for in.latents

  // By native module: A (r, in) and B (out, r), fp32.
  struct Adapter {
    at::Tensor a;
    at::Tensor b;
  };

  std::map<std::string, Adapter> lora;
  at::Tensor prediction;  // (B, C, F, H, W) fp32
  at::Tensor loss;        // 0-dim fp32
  // By the key behind "grad.", as the file spells it.
  std::map<std::string, at::Tensor> gradients;

  [[nodiscard]] int64_t batch() const;
};

// The key of a module's gradient: DiffSynth's spelling.
[[nodiscard]] std::string GoldenLoraKey(const std::string& module, bool is_b);

// InvalidArgument names the file and every key that is missing or surplus, a
// shape or a metadata value that does not fit.
// `extra_inputs`: those that the model's variant takes beside the family's.
[[nodiscard]] absl::StatusOr<GoldenFile> ReadGoldenFile(
    const std::string& path, const std::vector<ModelInput>& extra_inputs = {});

// The batch cut into `parts` micro-batches of (nearly) equal size.
class GoldenSource : public MicrobatchSource {
 public:
  // InvalidArgument when there are more parts than samples.
  [[nodiscard]] static absl::StatusOr<GoldenSource> Create(
      const GoldenFile* golden, int64_t parts);

  [[nodiscard]] absl::StatusOr<MicrobatchData> Load(
      const StepPlan& plan, Microbatch microbatch) override;

  // The shape of one part, which every rank knows from the file.
  [[nodiscard]] absl::StatusOr<MicrobatchShape> ShapeOfPart(
      Microbatch microbatch) const;

  // The part's share of the batch: what its mean loss counts for.
  [[nodiscard]] double ShareOf(Microbatch microbatch) const;

 private:
  struct Part {
    int64_t begin = 0;
    int64_t size = 0;
  };

  GoldenSource(const GoldenFile* golden, std::vector<Part> parts);

  [[nodiscard]] at::Tensor Slice(const std::string& name,
                                 const Part& part) const;

  const GoldenFile* golden_;
  std::vector<Part> parts_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_GOLDEN_FILE_H_
