// The life of a job: one table that says which state follows which
// (docs/jobs.md shows it whole).
//
//                 +---------- interrupted, retry ----------------+
//                 v                                              |
//   create --> queued --start--> preparing --ready--> running    |
//               ^  |  |           |  ^  |              |  ^  |   |
//               |  |  |   stage   |  |  |         save |  |  |   |
//               |  |  |   lost ---|--+--|------.       v  |  |   |
//               |  |  |           |     |      '---- saving--saved
//               |  |  |           |     | complete     |     | complete
//               |  |  '-- pause   |     |  (check,     v     v
//               |  |      |       |     |  prepare)   done <-'
//               |  |      |       |     '----------> done
//               |  |      |       |
//               |  |      |  cancel, pause: also from running and saving
//               |  |      |       +--> cancelling --> cancelled
//               |  |      v       '--> pausing --> paused
//   resume -----+  |   paused --cancel--> cancelled
//               |  '-- cancel --------> cancelled
//               '----- cancelled, failed  <-- fail
//
// A job that is being cancelled is cancelled whatever happens, unless its last
// step was done by then: the last committed checkpoint stays. The same holds
// for pausing, which only a failure that no retry mends turns into failed.
#ifndef HP_COORDINATOR_STORE_JOB_STATE_H_
#define HP_COORDINATOR_STORE_JOB_STATE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// What moves a job.
enum class JobTrigger {
  kStart,        // a pair of stages took it
  kReady,        // both stages hold the model
  kSave,         // a checkpoint begins
  kSaved,        // it is committed
  kStageLost,    // the pair forms again, from the last checkpoint
  kComplete,     // nothing is left to do
  kFail,         // it cannot go on
  kCancel,       // somebody asked for the stop
  kCancelled,    // the stop is complete
  kInterrupted,  // the coordinator stops or was restarted
  kResume,       // somebody asked for another try
  kPause,        // somebody asked for the pause
  kPaused,       // the stages are free
  kRetry,        // it failed in a way that another try may mend
};

[[nodiscard]] absl::string_view JobTriggerName(JobTrigger trigger);

// The state after `trigger`; nullopt when it is not allowed in `state`.
[[nodiscard]] std::optional<JobState> NextJobState(JobState state,
                                                   JobTrigger trigger);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_JOB_STATE_H_
