// A StageCompute of integers instead of tensors.
#ifndef HP_TESTS_SUPPORT_FAKE_STAGE_COMPUTE_H_
#define HP_TESTS_SUPPORT_FAKE_STAGE_COMPUTE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/pipeline/segment_table.h"
#include "stage/runtime/host_event.h"
#include "stage/runtime/stage_compute.h"

namespace halfpipe {

// Every segment multiplies and adds modulo 2^64, and gradients accumulate as
// 31 * sum + gradient, so that a lost or swapped transfer, a wrong order of
// backwards or a stale buffer changes the weights that come out. One process
// with all segments gives the numbers to compare with.
// Useful for: the interpreter, whole steps over a link without a tensor
// library, faults at a chosen action. Not useful for: timing, memory.
class FakeStageCompute : public StageCompute {
 public:
  using Word = uint64_t;

  FakeStageCompute(pipeline::SegmentTable table, Rank rank)
      : table_(std::move(table)),
        rank_(rank),
        weights_(static_cast<size_t>(table_.segment_count())),
        gradients_(weights_.size()) {}

  // The call with this text ("1B0", "STEP") fails with `status`.
  void FailAt(std::string action, absl::Status status) {
    fail_at_ = std::move(action);
    failure_ = std::move(status);
  }

  // How long each forward and backward takes.
  void set_action_duration(absl::Duration duration) { duration_ = duration; }

  // By segment; zero for the segments of other ranks.
  [[nodiscard]] const std::vector<Word>& weights() const { return weights_; }

  [[nodiscard]] int abandoned_steps() const { return abandoned_steps_; }

  void SetStop(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::Status BeginStep(const StepPlan& plan) override {
    plan_ = plan;
    Clear();
    return absl::OkStatus();
  }

  // What SetUpcoming was told before each call, in their text forms.
  [[nodiscard]] const std::vector<std::string>& upcoming() const {
    return upcoming_;
  }

  void SetUpcoming(const std::vector<pipeline::Action>& actions) override {
    upcoming_.push_back(pipeline::ToString(actions));
  }

  absl::Status Forward(Segment segment, Microbatch microbatch) override {
    HP_RETURN_IF_ERROR(Enter("F", segment, microbatch));
    const Key key{segment.value(), microbatch.value()};
    Word input = 0;
    if (segment.value() == 0) {
      const auto m = static_cast<size_t>(microbatch.value());
      input = static_cast<Word>(plan_.microbatches[m].data_position) + 1;
    } else {
      HP_ASSIGN_OR_RETURN(input, Take(&received_activations_, &outputs_, key,
                                      {key.first - 1, key.second}));
    }
    inputs_[key] = input;
    outputs_[key] = {input * (2 * Index(segment) + 3) +
                     weights_[Index(segment)]};
    if (segment == table_.head()) losses_.push_back(outputs_[key][0]);
    return absl::OkStatus();
  }

  absl::Status Backward(Segment segment, Microbatch microbatch) override {
    HP_RETURN_IF_ERROR(Enter("B", segment, microbatch));
    const Key key{segment.value(), microbatch.value()};
    const auto saved = inputs_.find(key);
    if (saved == inputs_.end()) {
      return absl::FailedPreconditionError("backward without forward");
    }
    Word gradient = 0;
    if (segment == table_.head()) {
      gradient = outputs_[key][0] ^ 0x5bd1e995;
    } else {
      HP_ASSIGN_OR_RETURN(gradient,
                          Take(&received_gradients_, &input_gradients_, key,
                               {key.first + 1, key.second}));
    }
    gradients_[Index(segment)] =
        31 * gradients_[Index(segment)] + gradient * saved->second;
    input_gradients_[key] = {gradient * (2 * Index(segment) + 3)};
    inputs_.erase(saved);
    return absl::OkStatus();
  }

  absl::StatusOr<BoundarySlot> ActivationToSend(
      Segment segment, Microbatch microbatch) override {
    return SlotOf(&outputs_, segment, microbatch);
  }

  absl::StatusOr<BoundarySlot> GradientToSend(Segment segment,
                                              Microbatch microbatch) override {
    return SlotOf(&input_gradients_, segment, microbatch);
  }

  void ReleaseSent(Segment, Microbatch, EventPtr done) override {
    in_flight_.push_back(std::move(done));
  }

  absl::StatusOr<BoundarySlot> ActivationToReceive(
      Segment segment, Microbatch microbatch) override {
    received_activations_[{segment.value(), microbatch.value()}].value = {0};
    return SlotOf(&received_activations_, segment, microbatch);
  }

  absl::StatusOr<BoundarySlot> GradientToReceive(
      Segment segment, Microbatch microbatch) override {
    received_gradients_[{segment.value(), microbatch.value()}].value = {0};
    return SlotOf(&received_gradients_, segment, microbatch);
  }

  void SetActivationArrived(Segment segment, Microbatch microbatch,
                            EventPtr arrived) override {
    received_activations_[{segment.value(), microbatch.value()}].arrived =
        std::move(arrived);
  }

  void SetGradientArrived(Segment segment, Microbatch microbatch,
                          EventPtr arrived) override {
    received_gradients_[{segment.value(), microbatch.value()}].arrived =
        std::move(arrived);
  }

  absl::StatusOr<BoundarySlot> GradNormsToSend() override {
    return BoundarySlot{{View(gradients_.data(), gradients_.size())}, nullptr};
  }

  void ReleaseGradNorms(EventPtr done) override {
    in_flight_.push_back(std::move(done));
  }

  absl::StatusOr<BoundarySlot> GradNormsToReceive(int32_t back) override {
    std::vector<Word>& theirs = peer_gradients_[back];
    theirs.assign(gradients_.size(), 0);
    return BoundarySlot{{View(theirs.data(), theirs.size())}, nullptr};
  }

  void SetGradNormsArrived(int32_t, EventPtr arrived) override {
    in_flight_.push_back(arrived);
    norms_arrived_.push_back(std::move(arrived));
  }

  absl::Status OptimizerStep() override {
    if (fail_at_ == "STEP") return failure_;
    for (const EventPtr& arrived : norms_arrived_) {
      HP_RETURN_IF_ERROR(Await(arrived));
    }
    total_ = std::accumulate(gradients_.begin(), gradients_.end(), Word{0});
    for (const auto& [back, theirs] : peer_gradients_) {
      total_ = std::accumulate(theirs.begin(), theirs.end(), total_);
    }
    for (Segment segment : table_.segments_of(rank_)) {
      Word& weight = weights_[Index(segment)];
      weight = 1000003 * weight + gradients_[Index(segment)] + total_;
    }
    return absl::OkStatus();
  }

  absl::Status EndStep(StepReport* report) override {
    for (Word loss : losses_) {
      report->losses.push_back(static_cast<double>(loss));
    }
    report->grad_norm = static_cast<double>(total_);
    return absl::OkStatus();
  }

  void AbandonStep() override {
    ++abandoned_steps_;
    // What is being sent or received must stay alive until it has ended.
    for (const EventPtr& event : in_flight_) (void)Await(event);
    Clear();
  }

  absl::StatusOr<EventPtr> RecordEvent() override { return HostEvent::Now(); }

 private:
  using Key = std::pair<int32_t, int32_t>;  // segment, micro-batch
  using Made = std::array<Word, 1>;

  struct Received {
    Made value = {0};
    EventPtr arrived;
  };

  static size_t Index(Segment segment) {
    return static_cast<size_t>(segment.value());
  }

  static BufferView View(Word* data, size_t count) {
    return {
        data, count * sizeof(Word), DType::kI64, {static_cast<int64_t>(count)}};
  }

  static absl::Status Await(const EventPtr& event) {
    return event->WaitOnHost(absl::Now() + absl::Seconds(20));
  }

  static Word* WordOf(Made* made) { return made->data(); }

  static Word* WordOf(Received* received) { return received->value.data(); }

  absl::Status Enter(const char* op, Segment segment, Microbatch microbatch) {
    const absl::Time end = absl::Now() + duration_;
    while (absl::Now() < end) {
      if (stop_.stop_requested()) return absl::CancelledError("stopped");
      absl::SleepFor(std::min(end - absl::Now(), absl::Milliseconds(1)));
    }
    if (table_.rank_of(segment) != rank_) {
      return absl::FailedPreconditionError("segment of the other rank");
    }
    const std::string text =
        absl::StrCat(segment.value(), op, microbatch.value());
    return fail_at_ == text ? failure_ : absl::OkStatus();
  }

  // A value that arrived, or that this rank made under `local`.
  absl::StatusOr<Word> Take(std::map<Key, Received>* received,
                            std::map<Key, Made>* made, Key key, Key local) {
    const auto arrived = received->find(key);
    if (arrived != received->end()) {
      HP_RETURN_IF_ERROR(Await(arrived->second.arrived));
      return arrived->second.value[0];
    }
    const auto found = made->find(local);
    if (found == made->end()) {
      return absl::FailedPreconditionError("input is missing");
    }
    return found->second[0];
  }

  template <typename Map>
  absl::StatusOr<BoundarySlot> SlotOf(Map* map, Segment segment,
                                      Microbatch microbatch) {
    const auto found = map->find({segment.value(), microbatch.value()});
    if (found == map->end()) {
      return absl::FailedPreconditionError("nothing to transfer");
    }
    return BoundarySlot{{View(WordOf(&found->second), 1)}, nullptr};
  }

  void Clear() {
    inputs_.clear();
    outputs_.clear();
    input_gradients_.clear();
    for (auto* received : {&received_activations_, &received_gradients_}) {
      for (auto& [key, value] : *received) {
        if (value.arrived != nullptr) (void)Await(value.arrived);
      }
      received->clear();
    }
    std::fill(gradients_.begin(), gradients_.end(), 0);
    peer_gradients_.clear();
    norms_arrived_.clear();
    losses_.clear();
    in_flight_.clear();
  }

  const pipeline::SegmentTable table_;
  const Rank rank_;
  std::vector<std::string> upcoming_;
  std::string fail_at_;
  absl::Status failure_;
  absl::Duration duration_ = absl::ZeroDuration();
  std::stop_token stop_;
  StepPlan plan_;
  std::vector<Word> weights_;
  std::vector<Word> gradients_;
  std::map<int32_t, std::vector<Word>> peer_gradients_;
  Word total_ = 0;
  std::map<Key, Word> inputs_;
  std::map<Key, Made> outputs_;
  std::map<Key, Made> input_gradients_;
  std::map<Key, Received> received_activations_;
  std::map<Key, Received> received_gradients_;
  std::vector<EventPtr> norms_arrived_;
  std::vector<EventPtr> in_flight_;
  std::vector<Word> losses_;
  int abandoned_steps_ = 0;
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_FAKE_STAGE_COMPUTE_H_
