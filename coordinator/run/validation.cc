#include "coordinator/run/validation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/pipeline/evaluation.h"

namespace halfpipe {
namespace {

// What a sample is, wherever the cache lies: the file's name holds the digest
// of the sample's content.
std::string SampleNameOf(const SampleRef& sample) {
  const std::string& path = sample.latents_path;
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

absl::StatusOr<HeldOutSplit> HoldOut(const ValidationConfig& config,
                                     const ScanResult& scan) {
  // The first row of every different sample, in an order that is the seed's.
  std::map<std::string, const SampleRef*> by_rank;
  std::map<std::string, std::string> rank_of;
  for (const SampleRef& sample : scan.samples) {
    const std::string name = SampleNameOf(sample);
    if (rank_of.contains(name)) continue;
    const std::string rank = Sha256Hex(absl::StrCat(config.seed, " ", name));
    rank_of[name] = rank;
    by_rank[rank] = &sample;
  }
  const auto different = static_cast<int64_t>(by_rank.size());
  if (different <= config.samples) {
    return absl::InvalidArgumentError(
        absl::StrCat("validation.samples: the data set has ", different,
                     " different samples, so holding out ", config.samples,
                     " leaves none to train on; write at most ", different - 1,
                     ", or 0 for no validation"));
  }
  HeldOutSplit split;
  Sha256 digest;
  digest.Update(scan.data_digest);
  std::set<std::string> held_out;
  for (const auto& [rank, sample] : by_rank) {
    if (static_cast<int64_t>(split.held_out.size()) == config.samples) break;
    split.held_out.push_back(*sample);
    held_out.insert(SampleNameOf(*sample));
    digest.Update(absl::StrCat(" held out ", SampleNameOf(*sample)));
  }
  for (const SampleRef& sample : scan.samples) {
    if (!held_out.contains(SampleNameOf(sample))) {
      split.training.push_back(sample);
    }
  }
  split.data_digest = digest.HexDigest();
  return split;
}

absl::StatusOr<pipeline::Schedule> EvaluationScheduleOf(
    const ValidationConfig& config, const pipeline::ScheduleOptions& training) {
  return pipeline::BuildEvaluation(
      training, static_cast<int32_t>(config.samples * config.bands));
}

StepPlan MakeEvaluationPlan(const ValidationConfig& config,
                            const std::vector<SampleRef>& held_out, Epoch epoch,
                            int64_t steps_done,
                            const std::string& schedule_hash) {
  StepPlan plan;
  plan.epoch = epoch;
  plan.step = Step(steps_done);
  plan.schedule_hash = schedule_hash;
  plan.evaluation = true;
  for (const SampleRef& sample : held_out) {
    for (int64_t band = 0; band < config.bands; ++band) {
      MicrobatchPlan microbatch;
      microbatch.latents_path = sample.latents_path;
      microbatch.context_path = sample.context_path;
      microbatch.fixed = FixedDraw{
          .noise_name = absl::StrCat(SampleNameOf(sample), " band ", band),
          .place = (static_cast<double>(band) + 0.5) /
                   static_cast<double>(config.bands)};
      plan.microbatches.push_back(std::move(microbatch));
    }
  }
  return plan;
}

absl::StatusOr<ValidationResult> Summarize(const ValidationConfig& config,
                                           int64_t steps_done,
                                           const StepReport& report) {
  const auto bands = static_cast<size_t>(config.bands);
  const size_t count = static_cast<size_t>(config.samples) * bands;
  if (report.losses.size() != count || report.timesteps.size() != count) {
    return absl::InternalError(
        absl::StrCat("the validation behind step ", steps_done, " has ",
                     report.losses.size(), " losses at ",
                     report.timesteps.size(), " timesteps, not ", count));
  }
  ValidationResult result;
  result.steps_done = steps_done;
  result.bands.resize(bands);
  for (size_t i = 0; i < count; ++i) {
    ValidationBand& band = result.bands[i % bands];
    band.timestep = report.timesteps[i];
    band.loss += report.losses[i] / static_cast<double>(config.samples);
    result.loss += report.losses[i] / static_cast<double>(count);
  }
  return result;
}

bool IsValidationDue(const ValidationConfig& config,
                     const ValidationRecord& record, int64_t steps_done,
                     int64_t steps) {
  if (!config.is_on() || steps_done == 0 || record.steps >= steps_done) {
    return false;
  }
  return steps_done % config.every == 0 || steps_done == steps;
}

bool CoversValidations(const ValidationConfig& config,
                       const ValidationRecord& record, int64_t steps_done) {
  if (!config.is_on() || steps_done == 0) return true;
  const int64_t before = steps_done - 1;
  return record.steps >= before - before % config.every;
}

bool TakeValidation(ValidationResult* result, ValidationRecord* record) {
  record->steps = result->steps_done;
  const bool better =
      std::isfinite(result->loss) &&
      (record->best_steps == 0 || result->loss < record->best_loss);
  if (better) {
    record->best_steps = result->steps_done;
    record->best_loss = result->loss;
    record->without_better = 0;
  } else {
    ++record->without_better;
  }
  result->best_steps = record->best_steps;
  result->best_loss = record->best_loss;
  return better;
}

bool IsOutOfPatience(const ValidationConfig& config,
                     const ValidationRecord& record) {
  return config.patience > 0 && record.without_better >= config.patience;
}

int64_t RunValidations::ChooseRecord(const ValidationRecord& known,
                                     int64_t continue_at) {
  // What was known before the pair formed again is newer than the checkpoint.
  if (continue_at > 0 && known.steps <= continue_at &&
      known.steps > record_.steps) {
    record_ = known;
  }
  return CoversValidations(run_->plan.config.validation, record_, continue_at)
             ? continue_at
             : 0;
}

absl::Status RunValidations::AddTo(
    StartCommand* start, const std::vector<SampleRef>& held_out,
    const pipeline::ScheduleOptions& steps) const {
  if (held_out.empty()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(
      const pipeline::Schedule schedule,
      EvaluationScheduleOf(run_->plan.config.validation, steps));
  start->evaluation_schedule = pipeline::ToText(schedule.ranks);
  return absl::OkStatus();
}

int64_t RunValidations::LastStep() const {
  const JobConfig& config = run_->plan.config;
  return IsOutOfPatience(config.validation, record_) ? record_.steps
                                                     : config.train.steps;
}

std::string RunValidations::DoneText(int64_t saved_steps) const {
  std::string text = absl::StrCat(saved_steps, " steps done");
  if (IsOutOfPatience(run_->plan.config.validation, record_)) {
    absl::StrAppend(&text, ", stopped early: ", record_.without_better,
                    " validations without a better loss");
  }
  if (record_.best_steps > 0) {
    absl::StrAppend(&text, "; the best validation is step ", record_.best_steps,
                    "'s");
  }
  return text;
}

bool RunValidations::IsDue(int64_t steps_done) const {
  return IsValidationDue(run_->plan.config.validation, record_, steps_done,
                         run_->plan.config.train.steps);
}

absl::Status RunValidations::Begin(const std::vector<std::string>& lists,
                                   const std::vector<SampleRef>& held_out,
                                   int64_t steps_done) {
  evaluated_.reset();
  HP_ASSIGN_OR_RETURN(const pipeline::ActionLists parsed,
                      pipeline::ParseText(lists));
  run_->stages.SendAll(
      StepCommand{MakeEvaluationPlan(run_->plan.config.validation, held_out,
                                     run_->stages.epoch(), steps_done,
                                     pipeline::ScheduleHash(parsed))},
      steps_done);
  return absl::OkStatus();
}

void RunValidations::OnReport(const StepReport& report) {
  if (!report.losses.empty()) evaluated_ = report;
}

absl::StatusOr<bool> RunValidations::End(int64_t steps_done) {
  if (!evaluated_.has_value()) {
    return absl::InternalError("no stage reported a validation's loss");
  }
  HP_ASSIGN_OR_RETURN(
      ValidationResult result,
      Summarize(run_->plan.config.validation, steps_done, *evaluated_));
  const bool best = TakeValidation(&result, &record_);
  run_->host->Emit(result);
  return best;
}

bool RunValidations::IsBest(const Checkpoint& checkpoint) const {
  return record_.best_steps > 0 && checkpoint.steps_done == record_.best_steps;
}

size_t RunValidations::CheckpointsToKeep(
    const std::vector<Checkpoint>& all) const {
  const auto keep = static_cast<size_t>(run_->plan.config.output.keep);
  // The best one stays beside the newest ones, where it is not among them.
  for (size_t i = 0; i + keep < all.size(); ++i) {
    if (IsBest(all[i])) return keep + 1;
  }
  return keep;
}

}  // namespace halfpipe
