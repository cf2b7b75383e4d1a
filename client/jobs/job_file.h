// A job file as a command reads it, before a service sees it.
#ifndef HP_CLIENT_JOBS_JOB_FILE_H_
#define HP_CLIENT_JOBS_JOB_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

struct JobFile {
  std::string path;      // as given, for messages
  std::string base_dir;  // absolute: what relative paths are relative to
  std::string text;      // the YAML as it stands in the file
  JobConfig config;      // parsed, relative paths resolved
};

// Reads and checks a job file. InvalidArgument with every problem, one a line,
// or because the file cannot be read.
[[nodiscard]] absl::StatusOr<JobFile> LoadJobFile(const std::string& path);

// The same for a job that this machine runs. Where the job file is wrong, the
// model files and the data set that it names all the same are looked at, too,
// as far as this process can, and what is wrong with them is said with it.
[[nodiscard]] absl::StatusOr<JobFile> LoadLocalJobFile(const std::string& path);

// Of a job file that is right, before anything is started for it. Where a file
// that it names is not there, all that it names are looked at, and everything
// that is wrong with them is one InvalidArgument, with line and key. Else OK,
// after a few questions to the file system: what is in the files, the stages
// see.
[[nodiscard]] absl::Status CheckNamedFilesAreThere(const JobFile& file);

// The request that makes this job; id and the rest are the caller's to fill.
[[nodiscard]] JobSpec SpecFor(const JobFile& file);

// "my-character-1a2b3c4d": the name, made fit for an id, and a digest of the
// resolved config. The same file gives the same id, so a job that was broken
// off is found again. An edited one gets another, and goes on from what lies in
// the output folder where it trains the same.
[[nodiscard]] std::string JobIdFor(const JobConfig& config);

// Of a job file that is wrong, for a person who mends a key and should not
// learn of a broken download only then: what is wrong with the model files, the
// LoRA to start from and the data set that `yaml` names (relative to
// `base_dir`), one or several lines each, by the same functions as in the scan
// of a job whose file is right: their forms, which part of a model they are,
// the rows of the data set. Keys that cannot be read have no say, and nothing
// is said where the text is no YAML at all. With `file_name`, "job.yaml:4: "
// stands before what is about a key.
[[nodiscard]] std::vector<std::string> ProblemsOfNamedFiles(
    absl::string_view yaml, const std::string& base_dir,
    absl::string_view file_name = "");

// Whether a path of the model, the LoRA to start from or the data set leads
// nowhere. Asks the file system a few times and opens nothing.
[[nodiscard]] bool NamesMissingFiles(const JobConfig& config);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_JOB_FILE_H_
