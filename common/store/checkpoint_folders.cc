#include "common/store/checkpoint_folders.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kDoomedPrefix = ".tmp-delete-";

absl::Status FolderError(const std::error_code& error, absl::string_view what,
                         const std::string& path) {
  return FileErrnoStatus(error.value(), what, path);
}

// The step of "step-00000250"; nullopt for what CheckpointName never gives.
std::optional<int64_t> StepOf(absl::string_view name) {
  absl::string_view digits = name;
  int64_t step = 0;
  if (!absl::ConsumePrefix(&digits, "step-") ||
      !absl::SimpleAtoi(digits, &step) || CheckpointName(step) != name) {
    return std::nullopt;
  }
  return step;
}

// The names of the folders in `root`; none when it does not exist.
absl::StatusOr<std::vector<std::string>> FolderNames(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(root, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    std::error_code ignored;  // gone meanwhile: not a folder
    if (it->is_directory(ignored)) {
      names.push_back(it->path().filename().string());
    }
  }
  if (error) return FolderError(error, "cannot list", root);
  return names;
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return FolderError(error, "cannot delete", path);
  return absl::OkStatus();
}

}  // namespace

std::string CheckpointName(int64_t step) {
  return absl::StrFormat("step-%08d", step);
}

std::string TemporaryCheckpointName(int64_t step) {
  return absl::StrCat(".tmp-", CheckpointName(step));
}

absl::StatusOr<std::vector<CheckpointFolder>> ListCheckpoints(
    const std::string& root) {
  HP_ASSIGN_OR_RETURN(std::vector<std::string> names, FolderNames(root));
  std::vector<CheckpointFolder> folders;
  for (const std::string& name : names) {
    std::optional<int64_t> step = StepOf(name);
    if (step) folders.push_back({*step, absl::StrCat(root, "/", name)});
  }
  std::sort(folders.begin(), folders.end(),
            [](const CheckpointFolder& a, const CheckpointFolder& b) {
              return a.step < b.step;
            });
  return folders;
}

absl::Status ApplyRetention(const std::string& root, int keep) {
  if (keep < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot keep ", keep, " checkpoints; expected 1 or more"));
  }
  HP_ASSIGN_OR_RETURN(std::vector<CheckpointFolder> folders,
                      ListCheckpoints(root));
  for (size_t i = 0; i + static_cast<size_t>(keep) < folders.size(); ++i) {
    const std::string doomed =
        absl::StrCat(root, "/", kDoomedPrefix, CheckpointName(folders[i].step));
    HP_RETURN_IF_ERROR(RemoveTree(doomed));
    HP_RETURN_IF_ERROR(CommitDirectory(folders[i].path, doomed));
  }
  HP_ASSIGN_OR_RETURN(std::vector<std::string> names, FolderNames(root));
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kDoomedPrefix)) continue;
    HP_RETURN_IF_ERROR(RemoveTree(absl::StrCat(root, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
