// The runner's choice among its checkpoints, and what becomes of damaged ones.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {
namespace {

std::string CannotBeUsed(const std::string& directory,
                         const absl::Status& why) {
  return absl::StrCat("checkpoint ", directory,
                      " cannot be used: ", std::string(why.message()));
}

}  // namespace

absl::Status JobRunner::ChooseCheckpoint() {
  resume_from_.clear();
  saved_steps_ = 0;
  validated_ = {};
  const bool rolling_back = std::exchange(rolling_back_, false);
  absl::Status damage;
  std::vector<Checkpoint> damaged;
  for (auto it = checkpoints_.rbegin(); it != checkpoints_.rend(); ++it) {
    if (rolling_back && !IsRegular(*it)) continue;
    absl::StatusOr<CheckpointManifest> manifest =
        ledger_->Verify(it->directory);
    if (!manifest.ok()) {
      damage.Update(Annotate(manifest.status(), it->directory));
      if (IsDamage(manifest.status())) damaged.push_back(*it);
      Say(LogSeverity::kWarning,
          CannotBeUsed(it->directory, manifest.status()));
      continue;
    }
    if (!training_.StepsOf(*manifest).has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(it->directory, ": ", training_.Difference(*manifest),
                       ": give this job another output.dir"));
    }
    HP_RETURN_IF_ERROR(CheckData(*manifest, it->directory));
    resume_from_ = it->directory;
    saved_steps_ = it->steps_done;
    validated_ = manifest->validation;
    TakeFactor(rolling_back, manifest->learning_rate_factor);
    last_manifest_ = *std::move(manifest);
    SetAside(damaged);
    return absl::OkStatus();
  }
  if (!damage.ok()) return NoneIsWhole(damage);
  TakeFactor(rolling_back, 1.0);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> JobRunner::FindWhole() {
  absl::Status damage;
  for (auto it = checkpoints_.rbegin(); it != checkpoints_.rend(); ++it) {
    const absl::Status found = ledger_->Verify(it->directory).status();
    if (found.ok()) return it->steps_done;
    damage.Update(Annotate(found, it->directory));
    Say(LogSeverity::kWarning, CannotBeUsed(it->directory, found));
  }
  if (!damage.ok()) return NoneIsWhole(damage);
  return 0;
}

absl::Status JobRunner::NoneIsWhole(const absl::Status& damage) const {
  if (!IsDamage(damage)) return damage;
  if (absl::IsNotFound(damage)) {
    return absl::NotFoundError(absl::StrCat(
        damage.message(), "\nThe job's checkpoints are gone from ",
        plan_.config.output.dir,
        ": put them back, or add --replace, which begins at step 0"));
  }
  return absl::Status(
      damage.code(),
      absl::StrCat(damage.message(), "\nNo checkpoint in ",
                   plan_.config.output.dir,
                   " can be used: put one back as it was, give this job "
                   "another output.dir, or move them out of the folder and "
                   "add --replace, which begins at step 0"));
}

void JobRunner::SetAside(const std::vector<Checkpoint>& damaged) {
  for (const Checkpoint& checkpoint : damaged) {
    host_->ForgetCheckpoint(checkpoint);
    std::erase_if(checkpoints_, [&](const Checkpoint& known) {
      return known.steps_done == checkpoint.steps_done;
    });
    const absl::StatusOr<std::string> aside =
        ledger_->SetAside(checkpoint.directory);
    Say(LogSeverity::kWarning,
        absl::StrCat("checkpoint ", checkpoint.directory,
                     " is damaged and is not used any more; ",
                     !aside.ok() ? std::string(aside.status().message())
                     : aside->empty()
                         ? "its folder is gone"
                         : absl::StrCat("it is kept as ", *aside,
                                        ", which may be deleted")));
  }
}

std::vector<std::string> JobRunner::CheckpointDirectories() const {
  std::vector<std::string> directories;
  for (const Checkpoint& checkpoint : checkpoints_) {
    directories.push_back(checkpoint.directory);
  }
  return directories;
}

void JobRunner::OnScrubbed(const std::string& directory,
                           const absl::Status& found) {
  if (finished() || !IsDamage(found)) return;
  for (const Checkpoint& checkpoint : checkpoints_) {
    if (checkpoint.directory != directory) continue;
    // While the stages hold the state, even the last one may go.
    const bool holds_state = phase_ == Phase::kStep || phase_ == Phase::kSave ||
                             phase_ == Phase::kExport;
    if (!holds_state) return;
    Say(LogSeverity::kWarning, std::string(found.message()));
    SetAside({checkpoint});
    saved_steps_ = checkpoints_.empty() ? 0 : checkpoints_.back().steps_done;
    save_soon_ = true;
    return;
  }
}

}  // namespace halfpipe
