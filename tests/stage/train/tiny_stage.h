// A stage of a model that fits into a test, with data that needs no files.
// Useful for: whole steps on the CPU, alone or as a pair over a loopback link.
#ifndef HP_TESTS_STAGE_TRAIN_TINY_STAGE_H_
#define HP_TESTS_STAGE_TRAIN_TINY_STAGE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"
#include "stage/runtime/peer_link.h"
#include "stage/train/microbatch_source.h"
#include "stage/train/training_compute.h"

namespace halfpipe {

// The layers of the model; every block has ten LoRA layers.
inline constexpr int64_t kTinyLayers = 4;

// Samples made of a micro-batch's data position: odd ones have one more frame,
// so that buffers of several shapes are in flight.
class TinySource : public MicrobatchSource {
 public:
  // The target of this position is NaN.
  void Poison(int64_t position) { poisoned_ = position; }

  // This position cannot be loaded.
  void FailAt(int64_t position) { failing_ = position; }

  // Given to every micro-batch.
  void set_loss_weight(double weight) { loss_weight_ = weight; }

  void set_given_frames(int64_t frames) { given_frames_ = frames; }

  [[nodiscard]] static MicrobatchShape ShapeAt(int64_t position);

  [[nodiscard]] absl::StatusOr<MicrobatchData> Load(
      const StepPlan& plan, Microbatch microbatch) override;

 private:
  int64_t poisoned_ = -1;
  int64_t failing_ = -1;
  double loss_weight_ = 1.0;
  int64_t given_frames_ = 0;
};

struct TinyStageOptions {
  int32_t world = 1;
  Rank rank = {};
  int64_t split = kTinyLayers;
  double max_grad_norm = 0.0;
  int32_t chunks = 1;  // of each stage's blocks
  bool skip_nonfinite = false;
};

using TensorsByName = std::map<std::string, at::Tensor>;

class TinyStage {
 public:
  explicit TinyStage(const TinyStageOptions& options);

  [[nodiscard]] TrainingCompute& compute() { return *compute_; }

  [[nodiscard]] TinySource& source() { return source_; }

  // LoRA masters by tensor name, as they are now.
  [[nodiscard]] TensorsByName Masters();

  // Gradients of the last optimizer step, before clipping.
  [[nodiscard]] const TensorsByName& gradients() const { return gradients_; }

  // Of the last micro-batch whose loss was taken.
  [[nodiscard]] const at::Tensor& prediction() const { return prediction_; }

 private:
  TinySource source_;
  TensorsByName gradients_;
  at::Tensor prediction_;
  std::unique_ptr<TrainingCompute> compute_;
};

// A plan over these data positions.
[[nodiscard]] StepPlan TinyPlan(int64_t step,
                                const std::vector<int64_t>& positions);

// Runs a step of a stage that is alone.
[[nodiscard]] absl::StatusOr<StepReport> RunAlone(TinyStage* stage,
                                                  const StepPlan& plan);

using PairReports =
    std::pair<absl::StatusOr<StepReport>, absl::StatusOr<StepReport>>;
using PairLinks =
    std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>>;

// Runs a step of both stages, each on a thread of its own.
[[nodiscard]] PairReports RunPair(
    TinyStage* first, TinyStage* second, const PairLinks& links,
    const StepPlan& plan,
    pipeline::ScheduleName schedule = pipeline::ScheduleName::kOneFOneB,
    std::stop_token stop = {});

// A pair cut at `split`.
struct TinyPair {
  explicit TinyPair(int64_t split, double max_grad_norm = 0.0,
                    int32_t chunks = 1)
      : first({2, Rank(0), split, max_grad_norm, chunks}),
        second({2, Rank(1), split, max_grad_norm, chunks}) {}

  [[nodiscard]] TensorsByName Masters();
  [[nodiscard]] TensorsByName Gradients() const;

  TinyStage first;
  TinyStage second;
};

// Three stages or more in a ring, the first of which has `split` blocks.
class TinyRing {
 public:
  explicit TinyRing(int32_t world, int64_t split, double max_grad_norm = 0.0,
                    int32_t chunks = 1);

  // Runs a step of all stages, each on a thread of its own. One report a stage.
  [[nodiscard]] std::vector<absl::StatusOr<StepReport>> RunStep(
      const StepPlan& plan,
      pipeline::ScheduleName schedule = pipeline::ScheduleName::kOneFOneB);

  [[nodiscard]] TinyStage& stage(size_t rank) { return *stages_[rank]; }

  [[nodiscard]] TensorsByName Masters();
  [[nodiscard]] TensorsByName Gradients() const;

 private:
  [[nodiscard]] absl::StatusOr<StepReport> RunRank(
      size_t rank, const StepPlan& plan, pipeline::ScheduleName schedule);

  std::vector<std::unique_ptr<TinyStage>> stages_;
  // Of the link behind each stage: its own end, and that of the stage behind.
  std::vector<std::unique_ptr<PeerLink>> to_next_;
  std::vector<std::unique_ptr<PeerLink>> to_previous_;
};

// The names of the tensors that are not the same bits in both (or only in one).
[[nodiscard]] std::vector<std::string> Differences(const TensorsByName& a,
                                                   const TensorsByName& b);

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_TRAIN_TINY_STAGE_H_
