#include "coordinator/run/checkpoint_ledger.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/digest.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/file_lock.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/store/tensor_archive.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/store/checkpoint_folders.h"
#include "coordinator/store/owned_folder.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr char kDamagedPrefix[] = "damaged-";

// The stages sync their files; this finds the ones that never arrived, as on a
// folder that the machines do not really share.
absl::Status CheckFiles(const std::string& folder,
                        const CheckpointManifest& manifest) {
  for (const FileEntry& file : manifest.files) {
    const std::string path = absl::StrCat(folder, "/", file.name);
    std::error_code error;
    const uintmax_t bytes = fs::file_size(path, error);
    if (error || static_cast<int64_t>(bytes) != file.bytes) {
      return absl::DataLossError(absl::StrCat(
          path, ": the stage wrote ", file.bytes, " bytes, found ",
          error ? error.message() : absl::StrCat(bytes, " bytes"),
          "; output.dir must be one folder that every process sees"));
    }
  }
  return absl::OkStatus();
}

// The manifest, unless its folder has the name of another step: a copy under
// that name would pass for the work of steps that were never done.
absl::StatusOr<CheckpointManifest> OfItsName(
    absl::StatusOr<CheckpointManifest> manifest, const std::string& folder) {
  if (!manifest.ok()) return manifest;
  const std::string name = CheckpointName(manifest->step);
  if (fs::path(folder).filename() == name) return manifest;
  return absl::DataLossError(
      absl::StrCat(folder, ": is ", name,
                   " by its manifest, under another name; rename it "
                   "back, or take it out of the folder"));
}

FoundCheckpoint DescribeCheckpoint(const CheckpointFolder& folder) {
  FoundCheckpoint found{{folder.step, folder.path},
                        OfItsName(ReadManifest(folder.path), folder.path)};
  if (!found.manifest.ok()) return found;
  for (const FileEntry& file : found.manifest->files) {
    found.checkpoint.bytes += file.bytes;
  }

  struct stat status {};

  if (stat(folder.path.c_str(), &status) == 0) {
    found.checkpoint.time = absl::TimeFromTimespec(status.st_mtim);
  }
  return found;
}

FoundLora DescribeLora(const std::string& path) {
  FoundLora lora{path};
  const auto file = OpenTensorArchive(path);
  lora.readable = file.ok();
  if (!lora.readable) return lora;
  const std::map<std::string, std::string>& metadata = (*file)->metadata();
  const auto digest = metadata.find("halfpipe.config_digest");
  const auto steps = metadata.find("halfpipe.step");
  if (digest != metadata.end()) lora.config_digest = digest->second;
  if (steps != metadata.end()) {
    (void)absl::SimpleAtoi(steps->second, &lora.steps);
  }
  return lora;
}

// Those of the name that halfpipe gives, and with its owner file.
std::vector<std::string> ListCurveFolders(const std::string& output_dir) {
  std::vector<std::string> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(output_dir, ignored)) {
    const std::string name = entry.path().filename().string();
    absl::string_view rest = name;
    int64_t number = 0;
    const bool is_named = absl::ConsumePrefix(&rest, kCurveFolderName) &&
                          (rest.empty() || (absl::ConsumePrefix(&rest, "-") &&
                                            absl::SimpleAtoi(rest, &number)));
    if (is_named && IsOwnedFolder(entry.path().string())) {
      folders.push_back(entry.path().string());
    }
  }
  return folders;
}

class FileCheckpointLedger : public CheckpointLedger {
 public:
  absl::Status CheckUsable(const std::string& output_dir) override {
    fs::path at(output_dir);
    std::error_code error;
    while (!fs::exists(fs::symlink_status(at, error)) &&
           at.has_relative_path()) {
      at = at.parent_path();
    }
    if (fs::is_symlink(at, error) && !fs::exists(at, error)) {
      return absl::InvalidArgumentError(absl::StrCat(
          at.string(), " is a link to ", fs::read_symlink(at, error).string(),
          ", which does not exist"));
    }
    if (!fs::is_directory(at, error)) {
      return absl::InvalidArgumentError(
          absl::StrCat(at.string(), " is no folder"));
    }
    if (access(at.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        FileErrnoStatus(errno, "cannot write to", at.string()).message());
  }

  absl::Status Prepare(const std::string& output_dir) override {
    HP_RETURN_IF_ERROR(CheckUsable(output_dir));
    HP_RETURN_IF_ERROR(MakeDirectories(output_dir));
    HP_RETURN_IF_ERROR(Hold(output_dir));
    return RemoveLeftovers(output_dir);
  }

  void Release(const std::string& output_dir) override {
    held_.erase(output_dir);
  }

  absl::StatusOr<std::string> Begin(const std::string& output_dir,
                                    int64_t steps_done) override {
    HP_RETURN_IF_ERROR(MakeDirectories(output_dir));
    HP_ASSIGN_OR_RETURN(
        std::string path,
        FreeFolderPath(output_dir, TemporaryCheckpointName(steps_done)));
    HP_RETURN_IF_ERROR(MakeOwnedFolder(path));
    return path;
  }

  absl::StatusOr<std::string> Commit(
      const std::string& output_dir, const std::string& temporary,
      const CheckpointManifest& manifest) override {
    HP_RETURN_IF_ERROR(CheckFiles(temporary, manifest));
    HP_RETURN_IF_ERROR(WriteManifest(temporary, manifest));
    HP_RETURN_IF_ERROR(TakeOwnerFile(temporary));
    HP_RETURN_IF_ERROR(SyncDirectory(temporary));
    const std::string path =
        absl::StrCat(output_dir, "/", CheckpointName(manifest.step));
    // What has that name was never committed, or nothing says whose it is.
    if (IsOwnedFolder(path)) {
      HP_RETURN_IF_ERROR(Remove(path));
    } else {
      HP_RETURN_IF_ERROR(SetAside(path).status());
    }
    HP_RETURN_IF_ERROR(CommitDirectory(temporary, path));
    return path;
  }

  void Discard(const std::string& temporary) override {
    if (absl::Status status = RemoveOwnedFolder(temporary); !status.ok()) {
      LogWarning("an unfinished checkpoint stays",
                 {{"path", temporary}, {"status", status.message()}});
    }
  }

  absl::Status Remove(const std::string& directory) override {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(directory, error))) {
      return absl::OkStatus();
    }
    if (!IsOwnedFolder(directory)) {
      LogWarning("a checkpoint without a manifest stays",
                 {{"path", directory}});
      return absl::OkStatus();
    }
    // Renamed first: a crash never leaves half a checkpoint under its name.
    const fs::path path(directory);
    HP_ASSIGN_OR_RETURN(
        const std::string doomed,
        FreeFolderPath(path.parent_path().string(),
                       RemovedCheckpointName(path.filename().string())));
    fs::rename(directory, doomed, error);
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot rename", directory));
    return RemoveOwnedFolder(doomed);
  }

  absl::StatusOr<CheckpointManifest> Verify(
      const std::string& directory) override {
    return OfItsName(VerifyCheckpoint(directory), directory);
  }

  absl::StatusOr<std::string> SetAside(const std::string& directory) override {
    const fs::path path(directory);
    HP_ASSIGN_OR_RETURN(
        std::string aside,
        FreeFolderPath(path.parent_path().string(),
                       absl::StrCat(kDamagedPrefix, path.filename().string())));
    std::error_code error;
    fs::rename(path, aside, error);
    if (error == std::errc::no_such_file_or_directory) return "";
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot rename", directory));
    return aside;
  }

  absl::StatusOr<std::vector<std::string>> Publish(
      const std::string& directory, const std::string& output_dir,
      const std::vector<std::string>& formats) override {
    std::vector<std::string> published;
    for (const std::string& format : formats) {
      const std::string name = PublishedName(format);
      const std::string target = absl::StrCat(output_dir, "/", name);
      HP_RETURN_IF_ERROR(
          PublishFile(absl::StrCat(directory, "/", name), target, format));
      published.push_back(target);
    }
    HP_RETURN_IF_ERROR(SyncDirectory(output_dir));
    return published;
  }

  absl::StatusOr<OutputContents> Look(const std::string& output_dir) override {
    OutputContents contents;
    HP_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                        ListCheckpoints(output_dir));
    for (const CheckpointFolder& folder : folders) {
      contents.checkpoints.push_back(DescribeCheckpoint(folder));
    }
    for (const std::string& format : AllFormatNames()) {
      const std::string path =
          absl::StrCat(output_dir, "/", PublishedName(format));
      std::error_code ignored;
      if (fs::exists(fs::symlink_status(path, ignored))) {
        contents.loras.push_back(DescribeLora(path));
      }
    }
    contents.curves = ListCurveFolders(output_dir);
    return contents;
  }

  absl::StatusOr<std::string> MoveAside(const std::string& output_dir,
                                        const std::vector<std::string>& paths,
                                        absl::Time now) override {
    const std::string stem = absl::StrCat(
        output_dir, "/replaced-",
        absl::FormatTime("%Y-%m-%d-%H%M%S", now, absl::LocalTimeZone()));
    std::string folder = stem;
    std::error_code error;
    for (int i = 2; !fs::create_directory(folder, error) && !error; ++i) {
      folder = absl::StrCat(stem, "-", i);
    }
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot create", folder));
    for (const std::string& path : paths) {
      fs::rename(path, fs::path(folder) / fs::path(path).filename(), error);
      HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot move away", path));
    }
    HP_RETURN_IF_ERROR(SyncDirectory(folder));
    HP_RETURN_IF_ERROR(SyncDirectory(output_dir));
    return folder;
  }

  absl::StatusOr<FileEntry> WriteSamples(const std::string& temporary,
                                         const SampleList& list) override {
    HP_RETURN_IF_ERROR(WriteFileAtomically(
        absl::StrCat(temporary, "/", kSampleListName), ToJson(list)));
    return DescribeFile(temporary, kSampleListName);
  }

  absl::StatusOr<SampleList> ReadSamples(
      const std::string& directory) override {
    HP_ASSIGN_OR_RETURN(
        const std::string text,
        ReadFile(absl::StrCat(directory, "/", kSampleListName)));
    return SampleListFromJson(text);
  }

  absl::Status Amend(const std::string& directory,
                     const CheckpointManifest& manifest) override {
    HP_RETURN_IF_ERROR(CheckFiles(directory, manifest));
    return WriteManifest(directory, manifest);
  }

 private:
  // What an interrupted save or deletion left: by its name and its proof.
  static absl::Status RemoveLeftovers(const std::string& output_dir) {
    std::error_code error;
    std::vector<std::string> leftovers;
    for (const auto& entry : fs::directory_iterator(output_dir, error)) {
      if (IsTemporaryCheckpointName(entry.path().filename().string())) {
        leftovers.push_back(entry.path().string());
      }
    }
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot list", output_dir));
    for (const std::string& path : leftovers) {
      if (!IsOwnedFolder(path)) {
        LogWarning("nothing says that halfpipe made this folder: it stays",
                   {{"path", path}});
        continue;
      }
      LogWarning("removing an unfinished checkpoint", {{"path", path}});
      HP_RETURN_IF_ERROR(RemoveOwnedFolder(path));
    }
    return absl::OkStatus();
  }

  // A folder whose file system has no locks is taken without one.
  absl::Status Hold(const std::string& output_dir) {
    if (held_.contains(output_dir)) return absl::OkStatus();
    absl::StatusOr<FileLock> lock = FileLock::AcquireFolder(output_dir);
    if (absl::IsFailedPrecondition(lock.status())) {
      return absl::FailedPreconditionError(
          absl::StrCat(lock.status().message(),
                       ": wait for its job to end, or give this one another "
                       "output.dir"));
    }
    if (lock.ok()) held_.emplace(output_dir, *std::move(lock));
    return absl::OkStatus();
  }

  static absl::Status PublishFile(const std::string& source,
                                  const std::string& target,
                                  const std::string& format) {
    RemoveUnfinishedCopies(source, target);
    std::error_code ignored;
    if (fs::exists(target, ignored)) {
      const auto is = Sha256OfFile(target);
      const auto is_to_be = Sha256OfFile(source);
      if (is.ok() && is_to_be.ok() && *is == *is_to_be) {
        return Unlink(source, target);
      }
      HP_RETURN_IF_ERROR(KeepEarlier(target, format));
    }
    return CopyFileAtomically(source, target);
  }

  // Gives a file of the same content a life of its own: an older version
  // published links, and damage to one name was damage to both.
  static absl::Status Unlink(const std::string& source,
                             const std::string& target) {
    std::error_code ignored;
    if (fs::hard_link_count(target, ignored) < 2) return absl::OkStatus();
    return CopyFileAtomically(source, target);
  }

  // What is there stays, under a name that says what it is.
  static absl::Status KeepEarlier(const std::string& target,
                                  const std::string& format) {
    const fs::path folder = fs::path(target).parent_path();
    const FoundLora lora = DescribeLora(target);
    const std::string stem = absl::StrCat(
        "lora.", format,
        lora.readable ? absl::StrCat(".step-", lora.steps) : ".damaged");
    fs::path kept = folder / absl::StrCat(stem, ".safetensors");
    std::error_code error;
    for (int i = 2; fs::exists(kept, error); ++i) {
      kept = folder / absl::StrCat(stem, "-", i, ".safetensors");
    }
    fs::rename(target, kept, error);
    return FileErrorStatus(error, "cannot rename", target);
  }

  std::map<std::string, FileLock> held_;  // by output folder
};

}  // namespace

std::unique_ptr<CheckpointLedger> NewFileCheckpointLedger() {
  return std::make_unique<FileCheckpointLedger>();
}

}  // namespace halfpipe
