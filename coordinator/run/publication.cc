#include "coordinator/run/publication.h"

#include <algorithm>
#include <utility>

#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "common/config/key_values.h"
#include "coordinator/run/job_plan.h"

namespace halfpipe {

NextMove Publication::Publish(const std::string& directory) {
  checkpoints_->set_resume_from(directory);
  const absl::Status taken = TakeOver(directory);
  if (IsDiskFull(taken)) return NextMove::For(Move::kRoomToPublish, taken);
  if (!taken.ok()) return NextMove::Fail(Annotate(taken, "export"));
  if (!MissingFormats().empty()) return NextMove::To(Move::kAddFormats);
  const OutputConfig& output = run_->plan.config.output;
  absl::StatusOr<std::vector<std::string>> exports =
      run_->ledger->Publish(directory, output.dir, FormatNames(output.formats));
  if (IsWaitedFor(exports.status())) {
    return NextMove::For(Move::kRoomToPublish, exports.status());
  }
  if (!exports.ok()) {
    return NextMove::Fail(Annotate(exports.status(), "publish"));
  }
  return {Move::kPublished, "", absl::OkStatus(), *std::move(exports)};
}

void Publication::AddFormats() {
  run_->stages.Send(Rank(0),
                    ExportCommand{run_->plan.config_yaml,
                                  checkpoints_->resume_from(), MissingFormats(),
                                  ExportMetadata(run_->plan, data_->scan(),
                                                 checkpoints_->saved_steps())});
}

NextMove Publication::OnFormatsAdded(const ExportResult& result) {
  CheckpointManifest* const manifest = checkpoints_->mutable_manifest();
  manifest->files.insert(manifest->files.end(), result.files.begin(),
                         result.files.end());
  const std::string directory = checkpoints_->resume_from();
  absl::Status amended = run_->ledger->Amend(directory, *manifest);
  if (!amended.ok()) return NextMove::Fail(Annotate(amended, "export"));
  return NextMove::To(Move::kPublish, directory);
}

std::vector<std::string> Publication::MissingFormats() const {
  const std::vector<FileEntry>& files = checkpoints_->manifest().files;
  std::vector<std::string> missing;
  for (const std::string& format :
       FormatNames(run_->plan.config.output.formats)) {
    const std::string name = PublishedName(format);
    const bool is_there =
        std::any_of(files.begin(), files.end(),
                    [&](const FileEntry& file) { return file.name == name; });
    if (!is_there) missing.push_back(format);
  }
  return missing;
}

absl::Status Publication::TakeOver(const std::string& directory) {
  CheckpointManifest* const manifest = checkpoints_->mutable_manifest();
  if (manifest->config_digest == run_->plan.config_digest) {
    return absl::OkStatus();
  }
  manifest->config_digest = run_->plan.config_digest;
  if (manifest->has_record()) {
    manifest->config = RecordedValues(run_->plan.config);
  }
  for (const std::string& format : AllFormatNames()) {
    std::erase_if(manifest->files, [&](const FileEntry& file) {
      return file.name == PublishedName(format);
    });
  }
  return run_->ledger->Amend(directory, *manifest);
}

}  // namespace halfpipe
