// How a job comes to its data: the scan, what is encoded or looked at, and what
// of it cannot be used.
#ifndef HP_COORDINATOR_RUN_DATA_PREPARATION_H_
#define HP_COORDINATOR_RUN_DATA_PREPARATION_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/found_training.h"
#include "coordinator/run/next_move.h"
#include "coordinator/run/recovery.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"

namespace halfpipe {

// Not thread-safe.
class DataPreparation {
 public:
  // The pointers outlive it. `recovery` is told what was gained.
  DataPreparation(RunContext* run, TrainingData* data, FoundTraining* found,
                  Recovery* recovery);

  void Scan();
  [[nodiscard]] NextMove OnScanned(const ScanResult& result, absl::Time now);

  // Each stage has its share to encode, or to look at.
  [[nodiscard]] NextMove Encode();
  // From within that.
  void OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat);
  [[nodiscard]] NextMove OnEncoded(const EncodeResult& result);

 private:
  // Whether clips are looked at instead of encoded: by a check, and where the
  // scan found problems, so that all of them are named at once.
  [[nodiscard]] bool Inspects() const;
  [[nodiscard]] NextMove LookBesideProblems() const;
  [[nodiscard]] NextMove AfterInspection() const;
  // Takes what could not be encoded out of the data set, where that is asked
  // for. InvalidArgument with the list of them.
  [[nodiscard]] absl::Status DropRejected();
  void WarnOfShortClips() const;
  void EmitProgress(const std::string& activity) const;

  RunContext* const run_;
  TrainingData* const data_;
  FoundTraining* const found_;
  Recovery* const recovery_;
  std::vector<int64_t> samples_encoded_;  // by rank
  std::vector<std::string> rejected_;
  std::set<std::string> rejected_paths_;
  std::vector<ShortClip> short_clips_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_DATA_PREPARATION_H_
