#include "coordinator/schedule/stage_registry.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Names go into messages, metrics and file names.
constexpr size_t kMaxPairNameBytes = 64;
constexpr size_t kMaxTextBytes = 256;

// What a stage says of itself in words.
absl::Status CheckTexts(const StageInfo& info) {
  HP_RETURN_IF_ERROR(
      CheckPrintable("a pair's name", info.pair, kMaxPairNameBytes));
  const std::pair<absl::string_view, const std::string&> texts[] = {
      {"a stage's host", info.host},
      {"a stage's device", info.device},
      {"a device's name", info.device_name},
      {"a GPU's UUID", info.gpu_uuid},
      {"a stage's version", info.version},
      {"a stage's arithmetic", info.arithmetic}};
  for (const auto& [what, text] : texts) {
    HP_RETURN_IF_ERROR(CheckPrintable(what, text, kMaxTextBytes));
  }
  return absl::OkStatus();
}

// "0 or 1".
std::string RanksOf(int32_t stages) {
  std::vector<int32_t> ranks(static_cast<size_t>(stages));
  std::iota(ranks.begin(), ranks.end(), 0);
  return absl::StrJoin(ranks, " or ");
}

// What commands mean, and the bits of a step, are those of one version.
absl::Status CheckVersion(const StageInfo& info, const std::string& ours) {
  if (info.protocol == kStageProtocol && info.version == ours) {
    return absl::OkStatus();
  }
  const auto text = [](const std::string& version, int32_t protocol) {
    return absl::StrCat(version.empty() ? "an unknown version"
                                        : absl::StrCat("version ", version),
                        " (protocol ", protocol, ")");
  };
  return absl::FailedPreconditionError(absl::StrCat(
      "stage ", info.rank.value(), " of pair \"", info.pair, "\", process ",
      info.pid, " on ", info.host, ", is ", text(info.version, info.protocol),
      ", and the coordinator ", text(ours, kStageProtocol),
      ": install the same version on both machines, and restart the stage"));
}

}  // namespace

absl::StatusOr<bool> StageRegistry::Register(const StageInfo& info,
                                             absl::Time now) {
  if (info.rank.value() < 0 || info.rank.value() >= options_.stages_of_pair ||
      info.pair.empty() || info.incarnation == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a stage registers as rank ", RanksOf(options_.stages_of_pair),
        " of a named pair, found rank ", info.rank.value(), " of \"",
        PrintableText(info.pair), "\""));
  }
  HP_RETURN_IF_ERROR(CheckTexts(info));
  HP_RETURN_IF_ERROR(CheckVersion(info, options_.version));
  const StagePlace place{info.pair, info.rank};
  auto found = stages_.find(place);
  if (found != stages_.end() &&
      found->second.info.incarnation != info.incarnation &&
      !IsLost(found->second, now)) {
    const StageInfo& holder = found->second.info;
    return absl::AlreadyExistsError(absl::StrCat(
        "stage ", info.rank.value(), " of pair \"", info.pair,
        "\" is already there: process ", holder.pid, " on ", holder.host,
        "; stop it, or give this one another pair name"));
  }
  const bool replaced = found != stages_.end();
  Stage stage;
  stage.info = info;
  stage.renewed = now;
  stage.in_sight = !options_.is_gone(info.host, info.pid);
  stages_.insert_or_assign(place, std::move(stage));
  return replaced;
}

absl::Status StageRegistry::Renew(const StagePlace& place, uint64_t incarnation,
                                  absl::Time now) {
  auto found = stages_.find(place);
  if (found == stages_.end() || found->second.info.incarnation != incarnation) {
    return absl::FailedPreconditionError("not registered");
  }
  found->second.renewed = now;
  return absl::OkStatus();
}

absl::Status StageRegistry::OnHeartbeat(const StagePlace& place,
                                        uint64_t incarnation,
                                        const StageHeartbeat& heartbeat,
                                        absl::Time now) {
  HP_RETURN_IF_ERROR(Renew(place, incarnation, now));
  Stage& stage = stages_.at(place);
  stage.heartbeat = heartbeat;
  TakeFreeMemory(heartbeat, &stage.info);
  return absl::OkStatus();
}

bool StageRegistry::WaitsInVain(const StagePlace& place,
                                const StageHeartbeat& heartbeat) const {
  if (heartbeat.action_index < 0 || Find(place) != nullptr) return false;
  const std::vector<StageInfo> others = StagesOf(place.pair);
  return std::any_of(
      others.begin(), others.end(), [&heartbeat](const StageInfo& other) {
        return other.loaded != nullptr &&
               other.loaded->steps_done == heartbeat.step.value();
      });
}

bool StageRegistry::IsLost(const Stage& stage, absl::Time now) const {
  return now - stage.renewed > options_.lease ||
         (stage.in_sight && options_.is_gone(stage.info.host, stage.info.pid));
}

std::vector<StagePlace> StageRegistry::RemoveLost(absl::Time now) {
  std::vector<StagePlace> lost;
  for (auto it = stages_.begin(); it != stages_.end();) {
    if (IsLost(it->second, now)) {
      lost.push_back(it->first);
      it = stages_.erase(it);
    } else {
      ++it;
    }
  }
  return lost;
}

void StageRegistry::ExtendLeases(absl::Duration more) {
  for (auto& [place, stage] : stages_) stage.renewed += more;
}

int64_t StageRegistry::Push(const StagePlace& place, Epoch epoch,
                            CommandBody body) {
  auto found = stages_.find(place);
  if (found == stages_.end()) return 0;
  Stage& stage = found->second;
  // From here on only the job's runner knows what the stage holds.
  if (std::holds_alternative<StartCommand>(body)) stage.info.loaded.reset();
  const int64_t sequence = ++stage.last_pushed;
  stage.commands.push_back({sequence, epoch, std::move(body)});
  return sequence;
}

int64_t StageRegistry::Retract(const StagePlace& place) {
  auto found = stages_.find(place);
  if (found == stages_.end()) return 0;
  Stage& stage = found->second;
  while (!stage.commands.empty() &&
         stage.commands.back().sequence > stage.last_delivered) {
    stage.commands.pop_back();
  }
  stage.last_pushed = stage.last_delivered;
  return stage.last_delivered;
}

void StageRegistry::RetractAll(const std::string& pair) {
  for (const StageInfo& stage : StagesOf(pair)) {
    (void)Retract({pair, stage.rank});
  }
}

std::optional<StageCommand> StageRegistry::Next(const StagePlace& place,
                                                int64_t last_sequence) {
  Stage& stage = stages_.at(place);
  std::deque<StageCommand>& commands = stage.commands;
  while (!commands.empty() && commands.front().sequence <= last_sequence) {
    commands.pop_front();
  }
  if (commands.empty()) return std::nullopt;
  stage.last_delivered =
      std::max(stage.last_delivered, commands.front().sequence);
  return commands.front();
}

const StageInfo* StageRegistry::Find(const StagePlace& place) const {
  auto found = stages_.find(place);
  return found == stages_.end() ? nullptr : &found->second.info;
}

std::vector<StageInfo> StageRegistry::StagesOf(const std::string& pair) const {
  std::vector<StageInfo> stages;
  for (auto it = stages_.lower_bound({pair, Rank(0)});
       it != stages_.end() && it->first.pair == pair; ++it) {
    stages.push_back(it->second.info);
  }
  return stages;
}

std::vector<std::string> StageRegistry::Pairs() const {
  std::set<std::string> names;
  for (const auto& [place, stage] : stages_) names.insert(place.pair);
  return {names.begin(), names.end()};
}

std::vector<StageState> StageRegistry::States(absl::Time now) const {
  std::vector<StageState> states;
  for (const auto& [place, stage] : stages_) {
    StageState state;
    state.pair = place.pair;
    state.rank = place.rank.value();
    state.host = stage.info.host;
    state.pid = stage.info.pid;
    state.device = stage.info.device;
    state.device_name = stage.info.device_name;
    state.gpu_uuid = stage.info.gpu_uuid;
    state.device_total_bytes = stage.info.device_total_bytes;
    state.device_bytes_in_use = stage.heartbeat.device_bytes_in_use;
    state.version = stage.info.version;
    state.activity = stage.heartbeat.activity;
    state.silent = now - stage.renewed;
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace halfpipe
