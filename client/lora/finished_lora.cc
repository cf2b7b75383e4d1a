#include "client/lora/finished_lora.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/checkpoint_manifest.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

// The manifest of the job's last checkpoint; nullopt when there is none, or
// when it is another job's.
std::optional<CheckpointManifest> LastManifest(const Job& job) {
  if (job.checkpoints.empty()) return std::nullopt;
  const Checkpoint& last = job.checkpoints.back();
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(last.directory, "/", kManifestName));
  if (!text.ok()) return std::nullopt;
  absl::StatusOr<CheckpointManifest> manifest = ManifestFromJson(*text);
  if (!manifest.ok() || manifest->config_digest != job.config_digest ||
      manifest->step != last.steps_done) {
    return std::nullopt;
  }
  return *std::move(manifest);
}

std::optional<FileEntry> EntryOf(const CheckpointManifest& manifest,
                                 const std::string& name) {
  for (const FileEntry& entry : manifest.files) {
    if (entry.name == name) return entry;
  }
  return std::nullopt;
}

bool HasDigest(const std::string& path, const FileEntry& entry) {
  const absl::StatusOr<std::string> digest = Sha256OfFile(path);
  return digest.ok() && *digest == entry.sha256;
}

std::string ValueOf(const std::map<std::string, std::string>& metadata,
                    const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

// OK when the file says of itself that this job wrote it, at its end.
absl::Status CheckMetadata(const Job& job, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<TensorArchive>> file =
      OpenTensorArchive(path);
  HP_RETURN_IF_ERROR(file.status());
  const std::map<std::string, std::string>& metadata = (*file)->metadata();
  if (ValueOf(metadata, "halfpipe.config_digest") == job.config_digest &&
      ValueOf(metadata, "halfpipe.step") == absl::StrCat(job.steps_done)) {
    return absl::OkStatus();
  }
  const std::string step = ValueOf(metadata, "halfpipe.step");
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": is the LoRA of another job",
      step.empty() ? ""
                   : absl::StrCat(" or of another step of it (", step, ")")));
}

absl::Status NotRestorable(const std::string& what, const Job& job) {
  const std::string checkpoint = job.checkpoints.empty()
                                     ? "its last checkpoint"
                                     : job.checkpoints.back().directory;
  return absl::FailedPreconditionError(
      absl::StrCat(what, "; ", checkpoint, " does not have it either"));
}

// True: the file was not the job's and is again.
absl::StatusOr<bool> RestoreFile(
    const Job& job, const std::optional<CheckpointManifest>& manifest,
    const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  const std::optional<FileEntry> entry =
      manifest.has_value() ? EntryOf(*manifest, name) : std::nullopt;
  if (!entry.has_value()) {
    const absl::Status own = CheckMetadata(job, path);
    if (own.ok()) return false;
    return NotRestorable(std::string(own.message()), job);
  }
  if (HasDigest(path, *entry)) return false;
  // Damage and a missing file are mended; somebody's LoRA is not overwritten.
  const std::string copy =
      absl::StrCat(job.checkpoints.back().directory, "/", name);
  const bool has_copy = HasDigest(copy, *entry);
  if (const absl::Status own = CheckMetadata(job, path);
      absl::IsFailedPrecondition(own)) {
    if (!has_copy) return own;
    return absl::FailedPreconditionError(
        absl::StrCat(own.message(), "; this job's own is ", copy));
  }
  if (!has_copy) {
    return NotRestorable(absl::StrCat(path, ": is missing or has changed"),
                         job);
  }
  HP_RETURN_IF_ERROR(CopyFileAtomically(copy, path));
  return true;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RestoreFinishedLora(const Job& job) {
  const std::optional<CheckpointManifest> manifest = LastManifest(job);
  std::vector<std::string> restored;
  for (const std::string& path : job.exports) {
    HP_ASSIGN_OR_RETURN(const bool is_new, RestoreFile(job, manifest, path));
    if (is_new) restored.push_back(path);
  }
  return restored;
}

}  // namespace halfpipe
