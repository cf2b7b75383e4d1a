// What a job file names, looked at though the job file itself is wrong: a
// person who mends a key should not learn of a broken download only then.
#ifndef HP_CLIENT_JOBS_JOB_FILE_PATHS_H_
#define HP_CLIENT_JOBS_JOB_FILE_PATHS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What is wrong with the model files, the LoRA to start from and the data set
// that `yaml` names (relative to `base_dir`), one or several lines each, by the
// same functions as in the scan of a job whose file is right: their forms,
// which part of a model they are, the rows of the data set. Keys that cannot be
// read have no say, and nothing is said where the text is no YAML at all.
[[nodiscard]] std::vector<std::string> ProblemsOfNamedFiles(
    absl::string_view yaml, const std::string& base_dir);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_JOB_FILE_PATHS_H_
