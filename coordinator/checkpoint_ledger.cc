#include "coordinator/checkpoint_ledger.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/store/checkpoint_folders.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// Of folders that are no checkpoints, see common/store/checkpoint_folders.h.
constexpr char kTemporaryPrefix[] = ".tmp-";

constexpr char kDamagedPrefix[] = "damaged-";

absl::Status FromErrorCode(const std::error_code& error, absl::string_view what,
                           const std::string& path) {
  if (!error) return absl::OkStatus();
  return FileErrnoStatus(error.value(), what, path);
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return FromErrorCode(error, "cannot remove", path);
}

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

class FileCheckpointLedger : public CheckpointLedger {
 public:
  absl::Status Prepare(const std::string& output_dir) override {
    HP_RETURN_IF_ERROR(MakeDirectories(output_dir));
    std::error_code error;
    std::vector<std::string> leftovers;
    for (const auto& entry : fs::directory_iterator(output_dir, error)) {
      const std::string name = entry.path().filename().string();
      if (absl::StartsWith(name, kTemporaryPrefix)) {
        leftovers.push_back(entry.path().string());
      }
    }
    HP_RETURN_IF_ERROR(FromErrorCode(error, "cannot list", output_dir));
    for (const std::string& path : leftovers) {
      LogWarning("removing an unfinished checkpoint", {{"path", path}});
      HP_RETURN_IF_ERROR(RemoveAll(path));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Begin(const std::string& output_dir,
                                    int64_t steps_done) override {
    const std::string path =
        absl::StrCat(output_dir, "/", TemporaryCheckpointName(steps_done));
    HP_RETURN_IF_ERROR(RemoveAll(path));
    HP_RETURN_IF_ERROR(MakeDirectories(path));
    return path;
  }

  absl::StatusOr<std::string> Commit(
      const std::string& output_dir, const std::string& temporary,
      const CheckpointManifest& manifest) override {
    HP_RETURN_IF_ERROR(CheckFiles(temporary, manifest));
    HP_RETURN_IF_ERROR(WriteManifest(temporary, manifest));
    HP_RETURN_IF_ERROR(SyncDirectory(temporary));
    const std::string path =
        absl::StrCat(output_dir, "/", CheckpointName(manifest.step));
    HP_RETURN_IF_ERROR(Remove(path));
    HP_RETURN_IF_ERROR(CommitDirectory(temporary, path));
    return path;
  }

  void Discard(const std::string& temporary) override {
    if (absl::Status status = RemoveAll(temporary); !status.ok()) {
      LogWarning("an unfinished checkpoint stays",
                 {{"path", temporary}, {"status", status.message()}});
    }
  }

  absl::Status Remove(const std::string& directory) override {
    // Renamed first: a crash never leaves half a checkpoint under its name.
    const fs::path path(directory);
    const std::string doomed =
        (path.parent_path() /
         absl::StrCat(kTemporaryPrefix, "removed-", path.filename().string()))
            .string();
    HP_RETURN_IF_ERROR(RemoveAll(doomed));
    std::error_code error;
    fs::rename(directory, doomed, error);
    if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
    HP_RETURN_IF_ERROR(FromErrorCode(error, "cannot rename", directory));
    return RemoveAll(doomed);
  }

  absl::StatusOr<CheckpointManifest> Verify(
      const std::string& directory) override {
    return VerifyCheckpoint(directory);
  }

  absl::StatusOr<std::string> SetAside(const std::string& directory) override {
    const fs::path path(directory);
    const fs::path aside =
        path.parent_path() /
        absl::StrCat(kDamagedPrefix, path.filename().string());
    HP_RETURN_IF_ERROR(RemoveAll(aside.string()));
    std::error_code error;
    fs::rename(path, aside, error);
    if (error == std::errc::no_such_file_or_directory) return "";
    HP_RETURN_IF_ERROR(FromErrorCode(error, "cannot rename", directory));
    return aside.string();
  }

  absl::StatusOr<std::vector<std::string>> Publish(
      const std::string& directory, const std::string& output_dir,
      const std::vector<std::string>& formats) override {
    std::vector<std::string> published;
    for (const std::string& format : formats) {
      const std::string name = absl::StrCat("lora.", format, ".safetensors");
      const std::string target = absl::StrCat(output_dir, "/", name);
      HP_RETURN_IF_ERROR(
          PublishFile(absl::StrCat(directory, "/", name), target));
      published.push_back(target);
    }
    HP_RETURN_IF_ERROR(SyncDirectory(output_dir));
    return published;
  }

 private:
  static absl::Status PublishFile(const std::string& source,
                                  const std::string& target) {
    const std::string link = absl::StrCat(target, ".tmp");
    std::error_code error;
    fs::remove(link, error);
    fs::create_hard_link(source, link, error);
    if (error) return CopyFile(source, target);
    fs::rename(link, target, error);
    // rename(2) leaves both names when they are links of one file already.
    std::error_code ignored;
    fs::remove(link, ignored);
    return FromErrorCode(error, "cannot rename to", target);
  }

  static absl::Status CopyFile(const std::string& source,
                               const std::string& target) {
    HP_ASSIGN_OR_RETURN(std::string content, ReadFile(source));
    return WriteFileAtomically(target, content);
  }
};

}  // namespace

std::unique_ptr<CheckpointLedger> NewFileCheckpointLedger() {
  return std::make_unique<FileCheckpointLedger>();
}

}  // namespace halfpipe
