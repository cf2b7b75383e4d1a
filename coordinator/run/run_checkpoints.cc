#include "coordinator/run/run_checkpoints.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

std::string CannotBeUsed(const std::string& directory,
                         const absl::Status& why) {
  return absl::StrCat("checkpoint ", directory,
                      " cannot be used: ", std::string(why.message()));
}

}  // namespace

RunCheckpoints::RunCheckpoints(RunContext* run, std::vector<Checkpoint> all)
    : run_(run),
      training_(run->plan.config, run->plan.config_digest),
      all_(std::move(all)) {}

std::vector<std::string> RunCheckpoints::Directories() const {
  std::vector<std::string> directories;
  for (const Checkpoint& checkpoint : all_) {
    directories.push_back(checkpoint.directory);
  }
  return directories;
}

absl::Status RunCheckpoints::Choose(
    const std::function<bool(const Checkpoint&)>& may,
    const TrainingData& data) {
  resume_from_.clear();
  saved_steps_ = 0;
  absl::Status damage;
  std::vector<Checkpoint> damaged;
  for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
    if (!may(*it)) continue;
    absl::StatusOr<CheckpointManifest> manifest =
        run_->ledger->Verify(it->directory);
    if (!manifest.ok()) {
      damage.Update(Annotate(manifest.status(), it->directory));
      if (IsDamage(manifest.status())) damaged.push_back(*it);
      run_->Log(LogSeverity::kWarning,
                CannotBeUsed(it->directory, manifest.status()));
      continue;
    }
    if (!training_.StepsOf(*manifest).has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(it->directory, ": ", training_.Difference(*manifest),
                       ": give this job another output.dir"));
    }
    HP_RETURN_IF_ERROR(data.CheckDigest(*manifest, it->directory));
    resume_from_ = it->directory;
    saved_steps_ = it->steps_done;
    manifest_ = *std::move(manifest);
    SetAside(damaged);
    return absl::OkStatus();
  }
  return damage.ok() ? absl::OkStatus() : NoneIsWhole(damage);
}

absl::StatusOr<int64_t> RunCheckpoints::FindWhole() const {
  absl::Status damage;
  for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
    const absl::Status found = run_->ledger->Verify(it->directory).status();
    if (found.ok()) return it->steps_done;
    damage.Update(Annotate(found, it->directory));
    run_->Log(LogSeverity::kWarning, CannotBeUsed(it->directory, found));
  }
  if (!damage.ok()) return NoneIsWhole(damage);
  return 0;
}

absl::Status RunCheckpoints::NoneIsWhole(const absl::Status& damage) const {
  if (!IsDamage(damage)) return damage;
  if (absl::IsNotFound(damage)) {
    return absl::NotFoundError(absl::StrCat(
        damage.message(), "\nThe job's checkpoints are gone from ",
        run_->plan.config.output.dir,
        ": put them back, or add --replace, which begins at step 0"));
  }
  return absl::Status(
      damage.code(),
      absl::StrCat(damage.message(), "\nNo checkpoint in ",
                   run_->plan.config.output.dir,
                   " can be used: put one back as it was, give this job "
                   "another output.dir, or move them out of the folder and "
                   "add --replace, which begins at step 0"));
}

void RunCheckpoints::SetAside(const std::vector<Checkpoint>& damaged) {
  for (const Checkpoint& checkpoint : damaged) {
    run_->host->ForgetCheckpoint(checkpoint);
    std::erase_if(all_, [&](const Checkpoint& known) {
      return known.steps_done == checkpoint.steps_done;
    });
    const absl::StatusOr<std::string> aside =
        run_->ledger->SetAside(checkpoint.directory);
    run_->Log(LogSeverity::kWarning,
              absl::StrCat("checkpoint ", checkpoint.directory,
                           " is damaged and is not used any more; ",
                           !aside.ok() ? std::string(aside.status().message())
                           : aside->empty()
                               ? "its folder is gone"
                               : absl::StrCat("it is kept as ", *aside,
                                              ", which may be deleted")));
  }
}

void RunCheckpoints::Adopt(const Checkpoint& checkpoint) {
  const auto place =
      std::find_if(all_.begin(), all_.end(), [&](const Checkpoint& known) {
        return known.steps_done >= checkpoint.steps_done;
      });
  if (place != all_.end() && place->steps_done == checkpoint.steps_done) {
    // As the book has it, unless the folder was moved.
    if (place->directory == checkpoint.directory) return;
    *place = checkpoint;
  } else {
    all_.insert(place, checkpoint);
  }
  if (run_->plan.kind == JobKind::kTrain) {
    run_->host->AdoptCheckpoint(checkpoint);
  }
}

void RunCheckpoints::ForgetWhatIsGone(
    const std::vector<FoundCheckpoint>& there) {
  std::erase_if(all_, [&](const Checkpoint& known) {
    const bool is_there = std::any_of(
        there.begin(), there.end(), [&](const FoundCheckpoint& found) {
          return found.checkpoint.directory == known.directory;
        });
    if (!is_there) run_->host->ForgetCheckpoint(known);
    return !is_there;
  });
}

absl::Status RunCheckpoints::Commit(const Checkpoint& checkpoint,
                                    CheckpointManifest manifest) {
  manifest_ = std::move(manifest);
  HP_RETURN_IF_ERROR(run_->host->CommitCheckpoint(checkpoint));
  saved_steps_ = checkpoint.steps_done;
  std::erase_if(all_, [&](const Checkpoint& old) {
    return old.steps_done >= checkpoint.steps_done;
  });
  all_.push_back(checkpoint);
  return absl::OkStatus();
}

void RunCheckpoints::Remove(const Checkpoint& checkpoint) {
  const Checkpoint oldest = checkpoint;  // it may be the one that is erased
  std::erase_if(all_, [&](const Checkpoint& known) {
    return known.steps_done == oldest.steps_done;
  });
  // Forgotten first: a crash between the two leaves a folder too many, not a
  // checkpoint that is not there.
  run_->host->ForgetCheckpoint(oldest);
  if (absl::Status status = run_->ledger->Remove(oldest.directory);
      !status.ok()) {
    run_->Log(LogSeverity::kWarning,
              absl::StrCat("an old checkpoint stays: ",
                           std::string(status.message())));
  }
}

bool RunCheckpoints::OnDamaged(const std::string& directory,
                               const absl::Status& found) {
  for (const Checkpoint& checkpoint : all_) {
    if (checkpoint.directory != directory) continue;
    run_->Log(LogSeverity::kWarning, std::string(found.message()));
    SetAside({checkpoint});
    saved_steps_ = all_.empty() ? 0 : all_.back().steps_done;
    return true;
  }
  return false;
}

}  // namespace halfpipe
