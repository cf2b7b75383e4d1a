#include "coordinator/run/output_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/config/key_values.h"
#include "coordinator/run/lr_schedule.h"

namespace halfpipe {
namespace {

constexpr char kStepsKey[] = "train.steps";

std::string NameOf(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

std::optional<int64_t> RecordedSteps(const CheckpointManifest& manifest) {
  const auto found = manifest.config.find(kStepsKey);
  int64_t steps = 0;
  if (found == manifest.config.end() ||
      !absl::SimpleAtoi(found->second, &steps)) {
    return std::nullopt;
  }
  return steps;
}

// Adds `names` with what they share: one line for each different reason.
class Reasons {
 public:
  void Add(const std::string& path, const std::string& reason) {
    for (auto& [text, names] : lines_) {
      if (text == reason) return names.push_back(NameOf(path));
    }
    lines_.push_back({reason, {NameOf(path)}});
  }

  [[nodiscard]] std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const auto& [reason, names] : lines_) {
      constexpr size_t kMost = 4;
      const bool many = names.size() > kMost;
      lines.push_back(
          absl::StrCat(many ? absl::StrCat(names.front(), " to ", names.back())
                            : absl::StrJoin(names, ", "),
                       ": ", reason));
    }
    return lines;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> lines_;
};

std::string AheadText(int64_t steps_done, int64_t steps) {
  return absl::StrCat("this training at step ", steps_done,
                      ", more than train.steps, which is ", steps,
                      ": write at least ", steps_done, " to go on with it");
}

}  // namespace

bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status) ||
         absl::IsInvalidArgument(status);
}

Training::Training(const JobConfig& config, std::string digest)
    : config_(config), digest_(std::move(digest)) {}

std::optional<int64_t> Training::StepsOfDigest(const std::string& digest,
                                               int64_t likely) {
  if (digest == digest_) return config_.train.steps;
  const auto known = known_.find(digest);
  if (known != known_.end()) return known->second;
  const std::optional<int64_t> steps =
      halfpipe::StepsOfDigest(config_, digest, likely);
  known_[digest] = steps;
  return steps;
}

std::optional<int64_t> Training::StepsOf(const CheckpointManifest& manifest) {
  if (manifest.config_digest == digest_) return config_.train.steps;
  if (manifest.config.empty()) {
    return StepsOfDigest(manifest.config_digest, manifest.step);
  }
  const bool differs = !DecidingChanges(manifest.config, config_).empty();
  return known_[manifest.config_digest] =
             differs ? std::nullopt : RecordedSteps(manifest);
}

std::optional<int64_t> Training::StepsOf(const FoundLora& lora) {
  if (lora.config_digest.empty()) return std::nullopt;
  return StepsOfDigest(lora.config_digest, lora.steps);
}

std::string Training::Difference(const CheckpointManifest& manifest) const {
  if (manifest.config.empty()) {
    return "another training (an older version made it and did not record its "
           "keys)";
  }
  std::vector<std::string> changes;
  for (const KeyChange& change : DecidingChanges(manifest.config, config_)) {
    changes.push_back(absl::StrCat(change.key, " was ", change.before,
                                   " and is ", change.now, " now"));
  }
  return absl::StrJoin(changes, ", ");
}

FolderJudgement JudgeFolder(const OutputContents& contents,
                            const JobConfig& config, Training* training) {
  FolderJudgement judgement;
  std::vector<FoundCheckpoint> unreadable;
  Reasons reasons;
  const auto block = [&](const std::string& path, const std::string& reason) {
    judgement.in_the_way.push_back(path);
    reasons.Add(path, reason);
  };
  for (const FoundCheckpoint& found : contents.checkpoints) {
    const std::string& path = found.checkpoint.directory;
    if (!found.manifest.ok()) {
      unreadable.push_back(found);
      continue;
    }
    const std::optional<int64_t> steps = training->StepsOf(*found.manifest);
    if (!steps.has_value()) {
      block(path, training->Difference(*found.manifest));
    } else if (found.checkpoint.steps_done > config.train.steps) {
      block(path, AheadText(found.checkpoint.steps_done, config.train.steps));
    } else {
      judgement.own.push_back(found);
      judgement.steps_before = steps;
    }
  }
  // Whose an unreadable one is nobody knows. Behind the newest own one it is
  // taken for own, before it for nobody's; alone it is in the way.
  const int64_t newest =
      judgement.own.empty() ? 0 : judgement.own.back().checkpoint.steps_done;
  for (const FoundCheckpoint& found : unreadable) {
    const absl::Status& why = found.manifest.status();
    if (newest == 0 && IsDamage(why)) {
      block(found.checkpoint.directory,
            absl::StrCat("cannot be read: ", std::string(why.message())));
    } else if (found.checkpoint.steps_done > newest) {
      judgement.own.push_back(found);
    }
  }
  for (const FoundLora& lora : contents.loras) {
    if (!lora.readable) continue;
    if (!training->StepsOf(lora).has_value()) {
      block(lora.path, lora.config_digest.empty()
                           ? "a file that this job did not write"
                           : "another job's LoRA");
    } else if (lora.steps > config.train.steps) {
      block(lora.path, AheadText(lora.steps, config.train.steps));
    }
  }
  judgement.reasons = reasons.Lines();
  return judgement;
}

absl::Status InTheWayError(const std::string& output_dir,
                           const FolderJudgement& judgement) {
  return absl::InvalidArgumentError(absl::StrCat(
      "output.dir: ", output_dir, " holds what this job would replace:\n  ",
      absl::StrJoin(judgement.reasons, "\n  "),
      "\nPut the old values or files back to go on with it, give this job "
      "another output.dir, or add --replace, which keeps those files in a "
      "folder there that has the date in its name"));
}

std::string StepsNotice(const JobConfig& config, int64_t steps_before,
                        int64_t steps_done) {
  const LrScheduleConfig& schedule = config.train.lr_schedule;
  if (steps_before == config.train.steps) return "";
  std::string text = absl::StrCat(
      "train.steps was ", steps_before, " and is ", config.train.steps,
      " now: the job goes on from step ", steps_done);
  if (schedule.type == LrScheduleType::kConstant) return text;
  TrainConfig before = config.train;
  before.steps = steps_before;
  const double was =
      LearningRateAt(before, std::min(steps_done, steps_before - 1));
  absl::StrAppend(
      &text,
      absl::StrFormat(". train.lr_schedule depends on that number: the "
                      "learning rate would have been %.3g here and is %.3g "
                      "now, so the LoRA is not the one of %d steps at once",
                      was, LearningRateAt(config.train, steps_done),
                      config.train.steps));
  return text;
}

}  // namespace halfpipe
