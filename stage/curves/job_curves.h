// The curves of one job, in every form that its file asks for.
#ifndef HP_STAGE_CURVES_JOB_CURVES_H_
#define HP_STAGE_CURVES_JOB_CURVES_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/config/job_config.h"
#include "stage/curves/curve_file.h"

namespace halfpipe {

// A training does not end for want of its curves: what cannot be written waits,
// the log says so once, and it is tried again with every row. Not thread-safe;
// every call blocks on the file system.
class JobCurves {
 public:
  // Rows that wait for a disk; of more the oldest go.
  static constexpr size_t kMostWaiting = 10000;

  // `output.metrics` may be empty: then nothing is ever made or written.
  explicit JobCurves(OutputConfig output);

  // The first one makes the folder.
  void Write(const CurveRow& row);
  // What was written is on the disk, as far as that goes.
  void Sync();

 private:
  struct Form {
    std::unique_ptr<CurveFile> file;
    std::deque<CurveRow> waiting;
  };

  [[nodiscard]] absl::Status Open();
  [[nodiscard]] static absl::Status WriteWaiting(Form* form);
  // Says what is wrong, once until it is right again.
  void Tell(const absl::Status& status);

  const OutputConfig output_;
  std::string folder_;       // empty: not open yet
  std::vector<Form> forms_;  // one for each of output_.metrics
  bool has_told_ = false;
};

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_JOB_CURVES_H_
