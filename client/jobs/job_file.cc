#include "client/jobs/job_file.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxJobFileBytes = 1 << 20;
constexpr size_t kMaxNameInId = 40;

// The absolute folder of the job file. Relative paths go on from it, and paths
// are sent as text.
absl::StatusOr<std::string> FolderOf(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(
        ValidText(path), ": cannot make it absolute: ", error.message()));
  }
  const std::string folder = absolute.parent_path().string();
  if (!FirstInvalidByte(folder).has_value()) return folder;
  return absl::InvalidArgumentError(
      absl::StrCat(ValidText(path), ": its folder ", ValidText(folder),
                   " has a name that is not UTF-8: rename it, or move the job "
                   "file to another one"));
}

}  // namespace

absl::StatusOr<JobFile> LoadJobFile(const std::string& path) {
  JobFile file;
  file.path = ValidText(path);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file.path, " is a folder: give the job file, such as ",
        ValidText((std::filesystem::path(path) / "job.yaml").string())));
  }
  absl::StatusOr<std::string> text = ReadFileOrPipe(path, kMaxJobFileBytes);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot read the job file: ", ValidText(text.status().message())));
  }
  file.text = *std::move(text);
  HP_ASSIGN_OR_RETURN(file.config, ParseJobConfig(file.text, file.path));
  HP_ASSIGN_OR_RETURN(file.base_dir, FolderOf(path));
  ResolvePaths(file.base_dir, &file.config);
  return file;
}

absl::StatusOr<JobFile> LoadLocalJobFile(const std::string& path) {
  absl::StatusOr<JobFile> file = LoadJobFile(path);
  if (file.ok()) return file;
  const absl::StatusOr<std::string> text =
      ReadFileOrPipe(path, kMaxJobFileBytes);
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (!text.ok() || error) return file;
  std::vector<std::string> lines = {std::string(file.status().message())};
  for (std::string& problem : ProblemsOfNamedFiles(
           *text, absolute.parent_path().string(), ValidText(path))) {
    lines.push_back(std::move(problem));
  }
  return absl::Status(file.status().code(), absl::StrJoin(lines, "\n"));
}

absl::Status CheckNamedFilesAreThere(const JobFile& file) {
  if (!NamesMissingFiles(file.config)) return absl::OkStatus();
  const std::vector<std::string> problems =
      ProblemsOfNamedFiles(file.text, file.base_dir, file.path);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

JobSpec SpecFor(const JobFile& file) {
  JobSpec spec;
  spec.config_yaml = file.text;
  spec.file_name = file.path;
  spec.base_dir = file.base_dir;
  return spec;
}

std::string JobIdFor(const JobConfig& config) {
  std::string id;
  for (const char c : config.name.substr(0, kMaxNameInId)) {
    const auto byte = static_cast<unsigned char>(c);
    id.push_back(absl::ascii_isalnum(byte) ? absl::ascii_tolower(byte) : '-');
  }
  return absl::StrCat(id.empty() ? "job" : id, "-",
                      Sha256Hex(ToYaml(config)).substr(0, 8));
}

}  // namespace halfpipe
