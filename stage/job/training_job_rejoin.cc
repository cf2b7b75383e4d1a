// What a stage keeps between two steps, and how it goes on from there.
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "stage/job/training_job.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {

bool TrainingJob::CanContinue(const StartCommand& command) const {
  return steps_done_.has_value() && *steps_done_ == command.continue_at &&
         IsSameStart(command, command_);
}

absl::Status TrainingJob::Rejoin(Epoch epoch, const StartCommand& command,
                                 std::stop_token stop) {
  return TorchGuard("rejoin", [&]() -> absl::Status {
    CloseLinks(absl::CancelledError("rejoining"));
    compute_->AbandonStep();
    command_ = command;
    options_.on_progress({.work = StageWork::kJoining});
    HP_RETURN_IF_ERROR(Join(epoch, std::move(stop)));
    start_result_.load_seconds = 0.0;
    start_result_.weight_bytes_read.reset();
    LogInfo("the job goes on from what is loaded",
            {{"steps_done", *steps_done_}});
    return absl::OkStatus();
  });
}

std::shared_ptr<const LoadedJob> TrainingJob::loaded() const {
  if (!steps_done_.has_value()) return nullptr;
  return std::make_shared<LoadedJob>(LoadedJob{command_, *steps_done_});
}

}  // namespace halfpipe
