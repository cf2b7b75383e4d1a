// One job on one stage, from the loaded model part to its checkpoints.
#ifndef HP_STAGE_JOB_TRAINING_JOB_H_
#define HP_STAGE_JOB_TRAINING_JOB_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_protocol.h"
#include "stage/job/model_source.h"
#include "stage/runtime/link_factory.h"
#include "stage/runtime/stage_runner.h"
#include "stage/train/training_compute.h"
#include "stage/train/training_source.h"

namespace halfpipe {

// The weights of a job that has ended, for the next one on the same model.
struct ResidentModel {
  std::string identity;               // ModelSource::Identity
  std::unique_ptr<StageModel> model;  // null: nothing is kept
};

struct TrainingJobOptions {
  Rank rank;
  at::Device device = at::kCPU;
  LinkFactory* links = nullptr;  // outlives the job
  ProgressCallback on_progress;
  // Outlives the job. What fits is taken from here instead of being read; what
  // does not fit is freed before anything is read.
  ResidentModel* resident = nullptr;
};

// Owns the model part, the optimizer and the links. Thread rule: one thread,
// but progress() from any.
class TrainingJob {
 public:
  // Loads this rank's part or takes what is resident, restores or initialises
  // the LoRA, and joins the other stages. Where that fails for a reason that
  // has nothing to do with the device, the weights are resident afterwards.
  // InvalidArgument, NotFound, DataLoss for config, model, checkpoint;
  // ResourceExhausted; Unavailable, Aborted, DeadlineExceeded for a lost peer.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TrainingJob>> Create(
      const TrainingJobOptions& options, Epoch epoch,
      const StartCommand& command, std::stop_token stop);
  ~TrainingJob();

  // Runs one optimizer step. Codes of StageRunner::RunStep; InvalidArgument
  // for a plan that names another schedule.
  [[nodiscard]] absl::StatusOr<StepReport> RunStep(const StepPlan& plan,
                                                   std::stop_token stop);

  // Whether the state is that of so many steps of this very job, so that Rejoin
  // is all that it needs to go on.
  [[nodiscard]] bool CanContinue(const StartCommand& command) const;

  // Forms the pair anew and keeps everything else. After a failure it may be
  // tried again. REQUIRES: CanContinue. Codes of Create for the peer.
  [[nodiscard]] absl::Status Rejoin(Epoch epoch, const StartCommand& command,
                                    std::stop_token stop);

  // Null before the first step, and where a step failed in the optimizer.
  [[nodiscard]] std::shared_ptr<const LoadedJob> loaded() const;

  // Writes this rank's shard into an existing folder.
  [[nodiscard]] absl::StatusOr<SaveResult> Save(const std::string& directory);

  // Ends the job: frees all but the weights, which become resident. Nothing but
  // the destructor is called after it.
  void Retire();

  [[nodiscard]] const StartResult& start_result() const {
    return start_result_;
  }

  [[nodiscard]] StepPosition progress() const {
    return runner_ == nullptr ? StepPosition{} : runner_->progress();
  }

 private:
  TrainingJob(const TrainingJobOptions& options, const StartCommand& command);

  // The steps of Create, in this order.
  [[nodiscard]] absl::Status Load();
  [[nodiscard]] absl::Status LoadConfig();
  [[nodiscard]] absl::Status LoadSchedule();
  [[nodiscard]] absl::Status LoadPart();
  // Fills part_ from what is resident or from the model's files.
  [[nodiscard]] absl::Status MakePart(const StageModelOptions& part);
  [[nodiscard]] absl::Status MakeSource();
  [[nodiscard]] absl::Status MakeCompute();
  [[nodiscard]] absl::Status RestoreOrInit();
  [[nodiscard]] absl::Status Join(Epoch epoch, std::stop_token stop);
  // Fills links_, lower ones first at every stage, so that each join meets one
  // that waits for it.
  [[nodiscard]] absl::Status JoinNeighbours(Epoch epoch, std::stop_token stop);
  [[nodiscard]] absl::StatusOr<std::string> RendezvousOf(int32_t link) const;
  // REQUIRES: JoinNeighbours has succeeded, or there is one stage.
  [[nodiscard]] NeighbourLinks Neighbours() const;
  // What goes on over the links ends, and nothing writes into the compute's
  // buffers any more.
  void CloseLinks(const absl::Status& why);
  [[nodiscard]] absl::StatusOr<MicrobatchShape> ShapeOf(
      const std::string& latents_path);

  TrainingJobOptions options_;
  StartCommand command_;
  JobConfig config_;
  at::ScalarType compute_dtype_ = at::kFloat;
  std::unique_ptr<ModelSource> model_;
  std::string identity_;  // of ResidentModel
  std::vector<pipeline::Action> actions_;
  std::vector<pipeline::Action> evaluation_actions_;  // empty: none
  std::string evaluation_hash_;
  int32_t chunks_ = 1;  // of each stage's blocks
  std::vector<SegmentContent> segments_;
  std::map<std::string, Shape> latent_shapes_;  // by path
  std::unique_ptr<StageModel> part_;            // until the compute takes it
  std::unique_ptr<TrainingSource> source_;
  std::unique_ptr<TrainingCompute> compute_;
  std::map<int32_t, std::unique_ptr<PeerLink>> links_;  // LinksBetween's number
  std::unique_ptr<StageRunner> runner_;
  StartResult start_result_;
  std::optional<int64_t> steps_done_;  // in the weights, where that is known
};

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_TRAINING_JOB_H_
