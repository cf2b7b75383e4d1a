// What the objects of one job's run share.
#ifndef HP_COORDINATOR_RUN_RUN_CONTEXT_H_
#define HP_COORDINATOR_RUN_RUN_CONTEXT_H_

#include <string>
#include <utility>

#include "common/jobs/job_types.h"
#include "coordinator/run/checkpoint_ledger.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/job_runner_host.h"
#include "coordinator/run/stage_group.h"

namespace halfpipe {

// The runner owns it, and with it the stage group; the pointers outlive it.
struct RunContext {
  RunContext(JobPlan job, CheckpointLedger* disk, JobRunnerHost* world)
      : plan(std::move(job)),
        ledger(disk),
        host(world),
        stages(static_cast<int32_t>(plan.config.pipeline.stages), world) {}

  // A line of the job's log.
  void Log(LogSeverity severity, std::string text) const {
    host->Emit(LogLine{severity, std::move(text)});
  }

  const JobPlan plan;
  CheckpointLedger* const ledger;
  JobRunnerHost* const host;
  StageGroup stages;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_RUN_CONTEXT_H_
