#include "coordinator/store/checkpoint_folders.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kTemporaryPrefix = ".tmp-";
constexpr absl::string_view kRemovedPrefix = "removed-";

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

}  // namespace

std::string CheckpointName(int64_t step) {
  return absl::StrFormat("step-%08d", step);
}

std::string TemporaryCheckpointName(int64_t step) {
  return absl::StrCat(kTemporaryPrefix, CheckpointName(step));
}

std::string RemovedCheckpointName(absl::string_view name) {
  return absl::StrCat(kTemporaryPrefix, kRemovedPrefix, name);
}

bool IsTemporaryCheckpointName(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kTemporaryPrefix)) return false;
  absl::ConsumePrefix(&name, kRemovedPrefix);
  if (StepOf(name).has_value()) return true;
  const size_t dash = name.rfind('-');
  int64_t number = 0;
  return dash != absl::string_view::npos &&
         absl::SimpleAtoi(name.substr(dash + 1), &number) && number >= 2 &&
         absl::StrCat(number) == name.substr(dash + 1) &&
         StepOf(name.substr(0, dash)).has_value();
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

}  // namespace halfpipe
