// Whether a job goes on with what its checkpoint was trained on: weights, the
// LoRA it started from, data, and the machine.
#ifndef HP_COORDINATOR_RUN_RESUME_CHECK_H_
#define HP_COORDINATOR_RUN_RESUME_CHECK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_protocol.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/run/sample_list.h"

namespace halfpipe {

// The kind of a stage's device: "cpu" or "cuda".
[[nodiscard]] std::string DeviceKind(const StageInfo& stage);

// OK where model.dit and lora.init_from hold what the checkpoint was trained
// on, or its version did not record that; else AlreadyExists, a line a key.
[[nodiscard]] absl::Status CheckWeights(const CheckpointManifest& manifest,
                                        const ScanResult& scan,
                                        const std::string& directory);

// What a user should know before the job goes on from it: another machine, and
// what was not recorded. `stage`: one that it is to train on; nullptr where
// that is not known, as for a check, which looks on CPUs.
[[nodiscard]] std::vector<std::string> ResumeNotices(
    const CheckpointManifest& manifest, const StageInfo* stage,
    const JobConfig& config, const std::string& directory);

// AlreadyExists: the data set is not the checkpoint's, with what has changed
// and the ways out.
[[nodiscard]] absl::Status OtherDataError(const std::string& directory,
                                          const std::string& what);

// What may be the matter where the data set's digest is not the checkpoint's.
// `digest`: this job's, before samples are held out.
[[nodiscard]] std::string OtherDigestText(
    const DataConfig& data, const std::optional<SampleList>& recorded,
    const std::string& digest);

// Puts the samples into the recorded order (OrderOf), whatever they are called
// now: they are that data set.
void TakeOrder(const SampleList& recorded, const std::vector<size_t>& order,
               ScanResult* scan);

// The digest of what is trained on: without the samples that are held out.
// InvalidArgument: that leaves none.
[[nodiscard]] absl::StatusOr<std::string> TrainingDigest(
    const ValidationConfig& validation, const ScanResult& scan);

// What an early look at the data set, before anything is encoded, finds
// changed. With data.on_bad_file skip a sample that is not in the cache may
// yet be left out, as it was before: it does not count as added.
[[nodiscard]] SampleChanges ChangesBeforeEncoding(const SampleList& before,
                                                  const ScanResult& scan,
                                                  const DataConfig& data);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_RESUME_CHECK_H_
