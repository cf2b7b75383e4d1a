// The result of a job: the LoRA files of its last checkpoint, copied into the
// output folder.
#ifndef HP_COORDINATOR_RUN_PUBLICATION_H_
#define HP_COORDINATOR_RUN_PUBLICATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/next_move.h"
#include "coordinator/run/run_checkpoints.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"

namespace halfpipe {

// Not thread-safe.
class Publication {
 public:
  // The pointers outlive it.
  Publication(RunContext* run, const TrainingData* data,
              RunCheckpoints* checkpoints)
      : run_(run), data_(data), checkpoints_(checkpoints) {}

  // Publishes the checkpoint in `directory`, the last one: then kPublished. Or
  // kAddFormats, where output.formats asks for more than it did when the
  // checkpoint was made; kRoomToPublish; kFail.
  [[nodiscard]] NextMove Publish(const std::string& directory);
  // Has rank 0 write what Publish found missing.
  void AddFormats();
  // They are there.
  [[nodiscard]] NextMove OnFormatsAdded(const ExportResult& result);

 private:
  // Of output.formats what the last checkpoint has no file of.
  [[nodiscard]] std::vector<std::string> MissingFormats() const;
  // Makes the last checkpoint one of this job's config, where that of another
  // number of steps wrote it: its LoRA files name that config, and are no
  // longer listed, so that they are made anew. (Before they are: a crash in
  // between leaves a checkpoint that is whole.)
  [[nodiscard]] absl::Status TakeOver(const std::string& directory);

  RunContext* const run_;
  const TrainingData* const data_;
  RunCheckpoints* const checkpoints_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_PUBLICATION_H_
