// What a job trains on: the scan's samples, less those that cannot be used or
// are held out, in the order of its checkpoint.
#ifndef HP_COORDINATOR_RUN_TRAINING_DATA_H_
#define HP_COORDINATOR_RUN_TRAINING_DATA_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/jobs/stage_protocol.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/sample_list.h"

namespace halfpipe {

// Not thread-safe. All but has_scan, SetScan, is_encoded and BehindProblems
// REQUIRE a scan.
class TrainingData {
 public:
  // `run` outlives it.
  explicit TrainingData(RunContext* run) : run_(run) {}

  [[nodiscard]] bool has_scan() const { return scan_.has_value(); }

  [[nodiscard]] const ScanResult& scan() const { return *scan_; }

  void SetScan(const ScanResult& scan) { scan_ = scan; }

  // The samples are to be listed anew, behind another scan.
  void ForgetList() { listed_.reset(); }

  [[nodiscard]] int64_t CountCached() const;
  // Everything that is left is in the cache, for good.
  void MarkEncoded();

  [[nodiscard]] bool is_encoded() const { return encoded_; }

  // What the scan found, with where it comes from; its lines, with that and
  // without.
  [[nodiscard]] absl::Status FoundProblems() const;
  [[nodiscard]] std::set<std::string> ProblemLines() const;
  // `error` behind what the scan found, each line once.
  [[nodiscard]] absl::Status BehindProblems(const absl::Status& error) const;

  // Leaves out the samples with these latents: what is left is another data
  // set. InvalidArgument, with `list`: nothing is.
  [[nodiscard]] absl::Status LeaveOut(const std::set<std::string>& latents,
                                      const std::string& list);

  // What the newest checkpoint, in `directory`, was trained on; nullopt: not
  // known.
  void SetRecorded(std::optional<SampleList> samples);
  // What differs from it, as far as it is known before anything is encoded; "":
  // nothing. `digest`: the checkpoint's.
  [[nodiscard]] absl::StatusOr<std::string> WhatDiffers(
      const std::string& digest) const;
  // Puts the samples into the order in which the checkpoint in `directory` had
  // them, whatever they are called now. AlreadyExists: they are others.
  [[nodiscard]] absl::Status TakeRecordedOrder(const std::string& directory);
  // Whether the checkpoint was trained on these samples. AlreadyExists: it was
  // not.
  [[nodiscard]] absl::Status CheckDigest(const CheckpointManifest& manifest,
                                         const std::string& directory) const;

  // This job's samples, before any are held out, once their order is known.
  [[nodiscard]] const std::optional<SampleList>& listed() const {
    return listed_;
  }

  // Takes the held-out samples out of the scan's, once.
  [[nodiscard]] absl::Status HoldOutSamples();

  // Empty: no validation.
  [[nodiscard]] const std::vector<SampleRef>& held_out() const {
    return held_out_;
  }

  // With those that are held out.
  [[nodiscard]] int64_t size() const {
    return static_cast<int64_t>(scan_->samples.size() + held_out_.size());
  }

 private:
  [[nodiscard]] SampleList ListOwnSamples() const;

  RunContext* const run_;
  std::optional<ScanResult> scan_;
  bool encoded_ = false;
  std::optional<SampleList> recorded_;
  std::optional<SampleList> listed_;
  std::vector<SampleRef> held_out_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_TRAINING_DATA_H_
