#include "common/pipeline/validate.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/pipeline/dependencies.h"
#include "common/pipeline/live_moments.h"
#include "common/pipeline/waiting_inputs.h"

namespace halfpipe::pipeline {
namespace {

// Rows shown before and behind the one with the error.
constexpr size_t kTableContext = 5;

// What must come before `action` in the list of its own rank.
std::vector<Action> Prerequisites(const SegmentTable& table,
                                  const Action& action) {
  const auto [op, segment, microbatch] = action;
  if (op == Op::kSendActivation) {
    return {{Op::kForward, segment, microbatch}};
  }
  if (op == Op::kSendGradient) return {{Op::kBackward, segment, microbatch}};
  if (!IsCompute(op)) return {};
  std::vector<Action> needed;
  if (op == Op::kBackward)
    needed.push_back({Op::kForward, segment, microbatch});
  if (std::optional<Action> producer = ProducerOf(table, action)) {
    const std::optional<Action> send = SendOf(table, *producer);
    const bool crosses =
        table.rank_of(producer->segment) != table.rank_of(segment);
    needed.push_back(crosses ? ReceiveOf(*send) : *producer);
  }
  return needed;
}

// One end of a transfer.
struct Transfer {
  size_t index;    // in the rank's list
  Action receive;  // by which both ends call it
  size_t peer;
};

// The send of a receive. REQUIRES: IsReceive(receive.op).
Action SendTo(const Action& receive) {
  if (receive.op == Op::kReceiveActivation) {
    return {Op::kSendActivation, Previous(receive.segment), receive.microbatch};
  }
  return {Op::kSendGradient, Next(receive.segment), receive.microbatch};
}

class Validation {
 public:
  Validation(const SegmentTable& table, int32_t microbatches,
             const ActionLists& ranks, int32_t max_live, ListKind kind)
      : table_(table),
        microbatches_(microbatches),
        ranks_(ranks),
        max_live_(max_live),
        kind_(kind),
        expected_(ranks.size()) {}

  absl::StatusOr<std::vector<RankUse>> Run() {
    CollectExpected();
    std::vector<RankUse> use;
    for (size_t r = 0; r < ranks_.size(); ++r) {
      HP_RETURN_IF_ERROR(CheckOrder(r));
      HP_RETURN_IF_ERROR(CheckEnd(r));
      HP_ASSIGN_OR_RETURN(RankUse rank_use, CheckUse(r));
      use.push_back(rank_use);
    }
    CollectTransfers();
    for (size_t a = 0; a < ranks_.size(); ++a) {
      for (size_t b = a + 1; b < ranks_.size(); ++b) {
        HP_RETURN_IF_ERROR(CheckTransferOrder(a, b));
      }
    }
    HP_RETURN_IF_ERROR(CheckGlobalOrder());
    return use;
  }

 private:
  void CollectExpected() {
    for (int32_t s = 0; s < table_.segment_count(); ++s) {
      for (int32_t m = 0; m < microbatches_; ++m) {
        for (Op op : {Op::kForward, Op::kBackward}) {
          if (op == Op::kBackward && kind_ == ListKind::kEvaluation) continue;
          const Action action{op, Segment(s), Microbatch(m)};
          Expect(action);
          if (std::optional<Action> send = SendOf(table_, action)) {
            Expect(*send);
            Expect(ReceiveOf(*send));
          }
        }
      }
    }
  }

  void Expect(const Action& action) {
    const Rank rank = table_.rank_of(action.segment);
    expected_[static_cast<size_t>(rank.value())].insert(ToString(action));
  }

  // Everything but NORM and STEP: known, once, behind what it needs.
  absl::Status CheckOrder(size_t r) const {
    absl::flat_hash_set<std::string> seen;
    absl::flat_hash_map<int32_t, int32_t> last_backward;
    for (size_t i = 0; i < ranks_[r].size(); ++i) {
      const Action& action = ranks_[r][i];
      const std::string text = ToString(action);
      if (!seen.insert(text).second) return Error(r, i, "is there twice");
      if (action.op == Op::kExchangeGradNorm || action.op == Op::kOptimizerStep)
        continue;
      if (!expected_[r].contains(text)) {
        return Error(r, i, "does not belong on this rank");
      }
      for (const Action& needed : Prerequisites(table_, action)) {
        if (!seen.contains(ToString(needed))) {
          return Error(r, i, absl::StrCat("comes before ", ToString(needed)));
        }
      }
      if (action.op != Op::kBackward) continue;
      const auto [last, first] = last_backward.try_emplace(
          action.segment.value(), action.microbatch.value());
      if (!first && last->second > action.microbatch.value()) {
        return Error(r, i, "breaks the order in which gradients accumulate");
      }
      last->second = action.microbatch.value();
    }
    for (const std::string& text : Sorted(expected_[r])) {
      if (!seen.contains(text)) {
        return Error(r, ranks_[r].size(), absl::StrCat(text, " is missing"));
      }
    }
    return absl::OkStatus();
  }

  static std::vector<std::string> Sorted(
      const absl::flat_hash_set<std::string>& set) {
    std::vector<std::string> texts(set.begin(), set.end());
    std::sort(texts.begin(), texts.end());
    return texts;
  }

  absl::Status CheckEnd(size_t r) const {
    if (kind_ == ListKind::kEvaluation) return CheckNoEnd(r);
    std::vector<Action> end;
    if (ranks_.size() > 1) end.push_back({Op::kExchangeGradNorm, {}, {}});
    end.push_back({Op::kOptimizerStep, {}, {}});
    const size_t begin =
        ranks_[r].size() - std::min(ranks_[r].size(), end.size());
    if (ranks_[r].size() != expected_[r].size() + end.size() ||
        !std::equal(end.begin(), end.end(), ranks_[r].begin() + begin)) {
      return Error(r, begin,
                   absl::StrCat("the list must end with ", ToString(end)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckNoEnd(size_t r) const {
    for (size_t i = 0; i < ranks_[r].size(); ++i) {
      const Op op = ranks_[r][i].op;
      if (op == Op::kExchangeGradNorm || op == Op::kOptimizerStep) {
        return Error(r, i, "has no place in an evaluation");
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RankUse> CheckUse(size_t r) const {
    RankUse use;
    absl::flat_hash_set<int32_t> live;
    absl::flat_hash_set<int32_t> slots;
    const std::vector<Segment> segments =
        table_.segments_of(Rank(static_cast<int32_t>(r)));
    const Segment lowest = segments.front();
    const bool evaluates = kind_ == ListKind::kEvaluation;
    for (size_t i = 0; i < ranks_[r].size(); ++i) {
      const auto [op, segment, microbatch] = ranks_[r][i];
      if (op == Op::kForward && !evaluates) live.insert(microbatch.value());
      if (op == Op::kForward || op == Op::kReceiveActivation) {
        slots.insert(microbatch.value());
      }
      use.max_live = std::max(use.max_live, static_cast<int32_t>(live.size()));
      use.max_slots =
          std::max(use.max_slots, static_cast<int32_t>(slots.size()));
      if (max_live_ > 0 && use.max_live > max_live_) {
        return Error(
            r, i,
            absl::StrCat("makes ", use.max_live,
                         " live micro-batches, allowed are ", max_live_));
      }
      if (op == Op::kBackward && segment == lowest) {
        live.erase(microbatch.value());
        slots.erase(microbatch.value());
      }
      if (evaluates && op == Op::kForward && segment == segments.back()) {
        slots.erase(microbatch.value());
      }
    }
    use.waiting = WaitingInputsOf(table_, ranks_[r]);
    if (!evaluates) use.moments = LiveMomentsOf(table_, ranks_, r);
    return use;
  }

  // The transfers of each rank, in the order of its list.
  void CollectTransfers() {
    for (const std::vector<Action>& list : ranks_) {
      std::vector<Transfer>& transfers = transfers_.emplace_back();
      for (size_t i = 0; i < list.size(); ++i) {
        const Action& action = list[i];
        if (IsSend(action.op)) {
          const Action receive = ReceiveOf(action);
          transfers.push_back({i, receive, RankOf(receive)});
        } else if (IsReceive(action.op)) {
          transfers.push_back({i, action, RankOf(SendTo(action))});
        }
      }
    }
  }

  [[nodiscard]] size_t RankOf(const Action& action) const {
    return static_cast<size_t>(table_.rank_of(action.segment).value());
  }

  // The transfers between two ranks, in the order of rank `a`'s list.
  [[nodiscard]] std::vector<Transfer> Between(size_t a, size_t b) const {
    std::vector<Transfer> between;
    std::copy_if(transfers_[a].begin(), transfers_[a].end(),
                 std::back_inserter(between),
                 [b](const Transfer& transfer) { return transfer.peer == b; });
    return between;
  }

  absl::Status CheckTransferOrder(size_t a, size_t b) const {
    const std::vector<Transfer> first = Between(a, b);
    const std::vector<Transfer> second = Between(b, a);
    for (size_t t = 0; t < std::min(first.size(), second.size()); ++t) {
      if (first[t].receive == second[t].receive) continue;
      return Error(
          b, second[t].index,
          absl::StrCat("is transfer ", t, " of rank ", b, ", but rank ", a,
                       " has ", ToString(ranks_[a][first[t].index]), " there"));
    }
    return absl::OkStatus();
  }

  // Whether every rank gets to its last transfer where each waits for the peer
  // in all of them. REQUIRES: CheckTransferOrder of every two ranks.
  absl::Status CheckGlobalOrder() const {
    std::vector<size_t> next(ranks_.size(), 0);
    for (bool advanced = true; advanced;) {
      advanced = false;
      for (size_t r = 0; r < ranks_.size(); ++r) {
        while (next[r] < transfers_[r].size()) {
          const Transfer& transfer = transfers_[r][next[r]];
          const std::vector<Transfer>& others = transfers_[transfer.peer];
          size_t& other = next[transfer.peer];
          if (other == others.size() ||
              others[other].receive != transfer.receive) {
            break;
          }
          ++next[r];
          ++other;
          advanced = true;
        }
      }
    }
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (next[r] == transfers_[r].size()) continue;
      return Error(r, transfers_[r][next[r]].index,
                   "waits for a rank that waits for another one");
    }
    return absl::OkStatus();
  }

  absl::Status Error(size_t rank, size_t index, absl::string_view what) const {
    const std::string subject = index < ranks_[rank].size()
                                    ? ToString(ranks_[rank][index]) + " "
                                    : std::string();
    return absl::InvalidArgumentError(
        absl::StrCat("invalid schedule, rank ", rank, ", position ", index,
                     ": ", subject, what, "\n", Table(rank, index)));
  }

  // Steps x ranks around `index`, with a mark behind the row.
  [[nodiscard]] std::string Table(size_t rank, size_t index) const {
    size_t rows = index + 1;
    for (const auto& list : ranks_) rows = std::max(rows, list.size());
    const size_t begin = index - std::min(index, kTableContext);
    const size_t end = std::min(rows, index + kTableContext + 1);
    std::string out = absl::StrFormat("%6s", "step");
    for (size_t r = 0; r < ranks_.size(); ++r) {
      absl::StrAppendFormat(&out, "  %-8s", absl::StrCat("rank", r));
    }
    out += "\n";
    for (size_t row = begin; row < end; ++row) {
      absl::StrAppendFormat(&out, "%6d", row);
      for (const auto& list : ranks_) {
        absl::StrAppendFormat(&out, "  %-8s",
                              row < list.size() ? ToString(list[row]) : "");
      }
      if (row == index) absl::StrAppend(&out, "<-- here, rank ", rank);
      out += "\n";
    }
    return out;
  }

  const SegmentTable& table_;
  const int32_t microbatches_;
  const ActionLists& ranks_;
  const int32_t max_live_;
  const ListKind kind_;
  std::vector<absl::flat_hash_set<std::string>> expected_;
  std::vector<std::vector<Transfer>> transfers_;  // one list a rank
};

}  // namespace

absl::StatusOr<std::vector<RankUse>> Validate(const SegmentTable& table,
                                              int32_t microbatches,
                                              const ActionLists& ranks,
                                              int32_t max_live, ListKind kind) {
  if (ranks.size() != static_cast<size_t>(table.rank_count())) {
    return absl::InvalidArgumentError(
        absl::StrCat("a schedule of ", table.rank_count(), " ranks has ",
                     ranks.size(), " lists"));
  }
  return Validation(table, microbatches, ranks, max_live, kind).Run();
}

}  // namespace halfpipe::pipeline
