#include "coordinator/run/stage_group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {

StageGroup::StageGroup(int32_t world, CommandQueues* queues)
    : queues_(queues), rows_(static_cast<size_t>(world)) {}

void StageGroup::Join(const StageInfo& info) {
  Row& joined = row(info.rank);
  joined.info = info;
  joined.held.reset();
  if (info.loaded != nullptr) joined.held = *info.loaded;
}

bool StageGroup::Leave(Rank rank) {
  Row& left = row(rank);
  if (!left.info.has_value()) return false;
  left.info.reset();
  left.held.reset();
  left.sent.clear();
  return true;
}

const StageInfo* StageGroup::info(Rank rank) const {
  const std::optional<StageInfo>& info = row(rank).info;
  return info.has_value() ? &*info : nullptr;
}

std::vector<StageInfo> StageGroup::Infos() const {
  std::vector<StageInfo> infos;
  infos.reserve(rows_.size());
  for (const Row& row : rows_) infos.push_back(*row.info);
  return infos;
}

std::string StageGroup::Missing() const {
  std::string missing;
  for (int32_t rank = 0; rank < world(); ++rank) {
    if (info(Rank(rank)) != nullptr) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : " and ", "stage ", rank);
  }
  return missing;
}

std::optional<int32_t> StageGroup::OnlyMissing() const {
  std::optional<int32_t> missing;
  for (int32_t rank = 0; rank < world(); ++rank) {
    if (info(Rank(rank)) != nullptr) continue;
    if (missing.has_value()) return std::nullopt;
    missing = rank;
  }
  return missing;
}

void StageGroup::OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat) {
  Row& beaten = row(rank);
  beaten.device_total_bytes = heartbeat.device_total_bytes;
  if (beaten.info.has_value()) TakeFreeMemory(heartbeat, &*beaten.info);
}

void StageGroup::Send(Rank rank, CommandBody body, int64_t step) {
  const size_t kind = body.index();
  const int64_t sequence = queues_->Send(rank, std::move(body));
  row(rank).sent.push_back({sequence, kind, step});
}

void StageGroup::SendAll(const CommandBody& body, int64_t step) {
  for (int32_t rank = 0; rank < world(); ++rank) Send(Rank(rank), body, step);
}

void StageGroup::Retract(Rank rank) {
  const int64_t delivered = queues_->Retract(rank);
  std::deque<SentCommand>& sent = row(rank).sent;
  while (!sent.empty() && sent.back().sequence > delivered) sent.pop_back();
}

void StageGroup::SendEnd(const std::string& why) {
  for (int32_t rank = 0; rank < world(); ++rank) {
    if (info(Rank(rank)) == nullptr) continue;
    (void)queues_->Send(Rank(rank), EndCommand{why});
  }
}

bool StageGroup::AllAnswered() const {
  return std::all_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return row.sent.empty(); });
}

const SentCommand* StageGroup::running(Rank rank) const {
  const std::deque<SentCommand>& sent = row(rank).sent;
  return sent.empty() ? nullptr : &sent.front();
}

std::optional<SentCommand> StageGroup::MatchResult(
    Rank rank, const CommandResult& result) {
  std::deque<SentCommand>& sent = row(rank).sent;
  if (sent.empty() || sent.front().sequence != result.sequence) {
    return std::nullopt;
  }
  const SentCommand command = sent.front();
  sent.pop_front();
  return command;
}

absl::Status StageGroup::NewEpoch() {
  HP_ASSIGN_OR_RETURN(const Epoch epoch, queues_->NewEpoch());
  last_epoch_ = std::exchange(epoch_, epoch);
  for (Row& row : rows_) row.voided = std::exchange(row.sent, {});
  return absl::OkStatus();
}

bool StageGroup::WasVoided(Rank rank, int64_t sequence, size_t kind) const {
  const std::deque<SentCommand>& voided = row(rank).voided;
  return std::any_of(
      voided.begin(), voided.end(), [&](const SentCommand& command) {
        return command.sequence == sequence && command.kind == kind;
      });
}

void StageGroup::SetHeld(Rank rank, LoadedJob held) {
  row(rank).held = std::move(held);
}

void StageGroup::ForgetHeld() {
  for (Row& row : rows_) row.held.reset();
}

}  // namespace halfpipe
