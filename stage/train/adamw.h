// AdamW over fp32 masters, with torch.optim.AdamW's arithmetic.
#ifndef HP_STAGE_TRAIN_ADAMW_H_
#define HP_STAGE_TRAIN_ADAMW_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace halfpipe {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

// Optimizer states of a fixed list of parameters. The tensors are fp32, on
// one device, and belong to the caller; moments are made beside them. Not
// thread-safe.
//
// Parameters in host memory may be streamed through a device, where they are a
// few at a time, with the same bits as if they were there. What the host reads
// of them is valid once that device's current stream has passed.
class AdamW {
 public:
  // Runs inside a TorchGuard: making moments may throw.
  AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options,
        std::optional<at::Device> streamed_to = std::nullopt);

  // One step with gradients in the parameters' order (fp32, same shapes):
  //   p -= lr weight_decay p;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2
  //   p -= lr m_hat / (sqrt(v_hat) + eps)
  void Step(const std::vector<at::Tensor>& gradients, double learning_rate);

  // Steps taken so far; bias corrections depend on it.
  [[nodiscard]] int64_t steps() const { return steps_; }

  void set_steps(int64_t steps);

  // Of parameters that are streamed, and their moments; else 0.
  [[nodiscard]] int64_t host_bytes() const;

  // First and second moments in the parameters' order, for checkpoints. The
  // tensors share memory with the optimizer: copy_ into them to restore.
  [[nodiscard]] const std::vector<at::Tensor>& first_moments() const {
    return first_;
  }

  [[nodiscard]] const std::vector<at::Tensor>& second_moments() const {
    return second_;
  }

 private:
  // Parameters [begin, end) and what belongs to them.
  struct Part {
    std::vector<at::Tensor> parameters, gradients, first, second, steps;
  };

  [[nodiscard]] Part PartOf(const std::vector<at::Tensor>& gradients,
                            size_t begin, size_t end) const;
  void StepPart(Part& part, double learning_rate) const;
  // The same on the device, and back.
  void StreamPart(const Part& part, double learning_rate) const;

  AdamWOptions options_;
  std::optional<at::Device> streamed_to_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  std::vector<at::Tensor> state_steps_;  // 0-dim fp32 each, as ATen wants them
  int64_t steps_ = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_ADAMW_H_
