#include "stage/train/training_compute.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/clip.h"
#include "stage/train/compute_stream.h"
#include "stage/train/train_state.h"

namespace halfpipe {
namespace {

std::string Label(const char* op, Segment segment, Microbatch microbatch) {
  return absl::StrCat(segment.value(), op, microbatch.value());
}

}  // namespace

TrainingCompute::TrainingCompute(TrainingComputeOptions options,
                                 std::unique_ptr<StageModel> model,
                                 MicrobatchSource* source)
    : options_(std::move(options)),
      model_(std::move(model)),
      source_(source),
      optimizer_(LoraMasters(Adapters()), options_.optimizer,
                 options_.optimizer_on_host
                     ? std::optional<at::Device>(options_.device)
                     : std::nullopt),
      slots_(options_.device),
      memory_use_(Adapters(), optimizer_, options_.device),
      pace_(options_.device),
      ranks_(RankCount(options_.segments)) {
  model_->set_before_block([this] { return pace_.Next(); });
}

std::vector<LoraAdapter*> TrainingCompute::Adapters() const {
  return {model_->adapters().begin(), model_->adapters().end()};
}

absl::Status TrainingCompute::Missing(absl::string_view what, Segment segment,
                                      Microbatch microbatch) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, " of segment ", segment.value(), " micro-batch ",
                   microbatch.value(), " is not there"));
}

absl::Status TrainingCompute::BeginStep(const StepPlan& plan) {
  plan_ = plan;
  timesteps_.assign(plan.microbatches.size(), 0.0);
  if (options_.profile) profile_.Start();
  return plan.evaluation ? absl::OkStatus() : model_->ZeroGrad();
}

const SegmentContent& TrainingCompute::ContentOf(Segment segment) const {
  const auto index = static_cast<size_t>(segment.value());
  HP_CHECK(index < options_.segments.size());
  return options_.segments[index];
}

void TrainingCompute::SetUpcoming(
    const std::vector<pipeline::Action>& actions) {
  for (const pipeline::Action& action : actions) {
    const BlockRange& blocks = ContentOf(action.segment).blocks;
    if (blocks.size() == 0) continue;  // the head is short
    if (action.op == pipeline::Op::kBackward) {
      model_->FetchBehind(action.microbatch, blocks.end - 1);
    }
    return;
  }
}

bool TrainingCompute::IsLocal(Segment segment) const {
  return ContentOf(segment).rank == options_.rank;
}

bool TrainingCompute::SendsConditioning(Segment segment) const {
  const auto& segments = options_.segments;
  const auto next = segments.begin() + Next(segment).value();
  return next < segments.end() &&
         std::none_of(segments.begin(), next,
                      [&](const SegmentContent& earlier) {
                        return earlier.rank == next->rank;
                      });
}

absl::StatusOr<at::Tensor> TrainingCompute::EmbedInput(Microbatch microbatch) {
  // On a GPU the two are as far apart as the stream stood still for the data,
  // and no further where it had work left.
  HP_ASSIGN_OR_RETURN(EventPtr begin, RecordEvent());
  HP_ASSIGN_OR_RETURN(MicrobatchData data, source_->Load(plan_, microbatch));
  HP_ASSIGN_OR_RETURN(EventPtr end, RecordEvent());
  data_waits_.emplace_back(std::move(begin), std::move(end));
  timesteps_[static_cast<size_t>(microbatch.value())] =
      data.inputs.timestep[0].item<double>();
  InFlight& flight = in_flight_[microbatch];
  HP_ASSIGN_OR_RETURN(at::Tensor x, model_->Embed(microbatch, data.inputs));
  flight.data = std::move(data);
  return x;
}

absl::StatusOr<at::Tensor> TrainingCompute::InputOf(Segment segment,
                                                    Microbatch microbatch) {
  if (ContentOf(segment).embeds) return EmbedInput(microbatch);
  InFlight& flight = in_flight_[microbatch];
  if (IsLocal(Previous(segment))) {
    auto it = flight.x.find(Previous(segment));
    if (it == flight.x.end()) return Missing("input", segment, microbatch);
    at::Tensor x = std::move(it->second);
    flight.x.erase(it);
    return x;
  }
  return ReceivedInput(segment, microbatch);
}

absl::StatusOr<at::Tensor> TrainingCompute::ReceivedInput(
    Segment segment, Microbatch microbatch) {
  HP_ASSIGN_OR_RETURN(SlotTensors received, slots_.Take(SlotKind::kActivationIn,
                                                        segment, microbatch));
  const std::vector<SplitTensor> crossing = CrossingBehind(Previous(segment));
  HP_CHECK(received.size() == crossing.size());
  std::map<std::string, at::Tensor> tensors;
  for (size_t i = 0; i < crossing.size(); ++i) {
    tensors[crossing[i].name] = std::move(received[i]);
  }
  at::Tensor x = std::move(tensors.extract(std::string(kSplitTokens)).mapped());
  if (SendsConditioning(Previous(segment))) {
    HP_ASSIGN_OR_RETURN(MicrobatchShape shape,
                        options_.shape_of(plan_, microbatch));
    HP_RETURN_IF_ERROR(model_->Receive(microbatch, shape, std::move(tensors)));
  }
  return x;
}

absl::Status TrainingCompute::Forward(Segment segment, Microbatch microbatch) {
  return TorchGuard(Label("F", segment, microbatch), [&]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(at::Tensor x, InputOf(segment, microbatch));
    HP_ASSIGN_OR_RETURN(x, RunBlocks(segment, microbatch, std::move(x)));
    if (ContentOf(segment).is_head) {
      HP_RETURN_IF_ERROR(HeadAndLoss(microbatch, x));
    } else {
      in_flight_[microbatch].x[segment] = std::move(x);
    }
    // Where the conditioning is still to be sent, ActivationToSend ends it.
    if (plan_.evaluation && !SendsConditioning(segment)) {
      EndEvaluation(segment, microbatch);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<at::Tensor> TrainingCompute::RunBlocks(Segment segment,
                                                      Microbatch microbatch,
                                                      at::Tensor x) {
  const BlockRange& blocks = ContentOf(segment).blocks;
  if (blocks.size() == 0) return x;
  return plan_.evaluation
             ? model_->EvaluateBlocks(microbatch, blocks, std::move(x))
             : model_->ForwardBlocks(microbatch, blocks, std::move(x));
}

void TrainingCompute::EndEvaluation(Segment segment, Microbatch microbatch) {
  const auto end = static_cast<int32_t>(options_.segments.size());
  for (int32_t s = segment.value() + 1; s < end; ++s) {
    if (IsLocal(Segment(s))) return;
  }
  // The last segment of this rank. An output is still to be sent.
  in_flight_[microbatch].dprediction.reset();
  model_->Forget(microbatch);
}

absl::Status TrainingCompute::HeadAndLoss(Microbatch microbatch,
                                          const at::Tensor& x) {
  InFlight& flight = in_flight_[microbatch];
  if (!flight.data.has_value()) {
    return Missing("target", Segment(0), microbatch);
  }
  const MicrobatchData& data = *flight.data;
  HP_ASSIGN_OR_RETURN(at::Tensor prediction,
                      model_->HeadForward(microbatch, x));
  const int64_t frames = prediction.size(2) - data.given_frames;
  at::Tensor difference =
      prediction - data.target.to(prediction.device(), /*non_blocking=*/true);
  // A given frame is no prediction: it has no loss and no gradient.
  difference.narrow(2, 0, data.given_frames).zero_();
  const double count = static_cast<double>(difference.numel()) *
                       static_cast<double>(frames) /
                       static_cast<double>(prediction.size(2));
  const at::Tensor error = (difference * difference).sum() / count;
  flight.dprediction =
      difference * (2.0 * data.loss_weight * data.gradient_share / count);
  losses_[microbatch] = error * data.loss_weight;
  if (options_.on_loss) {
    HP_RETURN_IF_ERROR(options_.on_loss({.plan = &plan_,
                                         .microbatch = microbatch,
                                         .data = &data,
                                         .prediction = prediction,
                                         .loss = error}));
  }
  flight.data.reset();
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> TrainingCompute::OutputGradientOf(
    Segment segment, Microbatch microbatch) {
  InFlight& flight = in_flight_[microbatch];
  if (ContentOf(segment).is_head) {
    if (!flight.dprediction.defined()) {
      return Missing("loss", segment, microbatch);
    }
    HP_ASSIGN_OR_RETURN(at::Tensor dx,
                        model_->HeadBackward(microbatch, flight.dprediction));
    flight.dprediction.reset();
    return dx;
  }
  if (IsLocal(Next(segment))) {
    auto it = flight.dx.find(Next(segment));
    if (it == flight.dx.end()) return Missing("gradient", segment, microbatch);
    at::Tensor dx = std::move(it->second);
    flight.dx.erase(it);
    return dx;
  }
  HP_ASSIGN_OR_RETURN(SlotTensors received,
                      slots_.Take(SlotKind::kGradientIn, segment, microbatch));
  HP_CHECK(received.size() == 1);  // only the tokens have a gradient
  return std::move(received.front());
}

absl::Status TrainingCompute::Backward(Segment segment, Microbatch microbatch) {
  return TorchGuard(Label("B", segment, microbatch), [&]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(at::Tensor dx, OutputGradientOf(segment, microbatch));
    const SegmentContent& content = ContentOf(segment);
    if (content.blocks.size() > 0) {
      HP_ASSIGN_OR_RETURN(dx, model_->BackwardBlocks(microbatch, content.blocks,
                                                     std::move(dx)));
    }
    if (!content.embeds) in_flight_[microbatch].dx[segment] = std::move(dx);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<double>> TrainingCompute::MergeNorms(
    const std::vector<at::Tensor>& lists) const {
  // All ranks list their norms in block order: each takes its turn.
  std::vector<double> merged;
  std::vector<int64_t> next(lists.size(), 0);
  for (Rank owner : options_.tensor_owners) {
    const auto back = static_cast<size_t>(BackOf(owner));
    const at::Tensor& norms = lists[back];
    if (next[back] == norms.numel()) break;
    merged.push_back(norms.const_data_ptr<double>()[next[back]++]);
  }
  bool whole = merged.size() == options_.tensor_owners.size();
  std::vector<int64_t> counts;
  for (size_t back = 0; back < lists.size(); ++back) {
    counts.push_back(lists[back].numel());
    whole = whole && next[back] == counts.back();
  }
  if (!whole) {
    return absl::InternalError(
        absl::StrCat("the stages have ", absl::StrJoin(counts, " and "),
                     " trained tensors, which are not the model's ",
                     options_.tensor_owners.size()));
  }
  return merged;
}

Rank TrainingCompute::RankBack(int32_t back) const {
  return Rank((options_.rank.value() - back + ranks_) % ranks_);
}

int32_t TrainingCompute::BackOf(Rank rank) const {
  return (options_.rank.value() - rank.value() + ranks_) % ranks_;
}

absl::StatusOr<double> TrainingCompute::ReadGlobalNorm() {
  if (norms_arrived_ > 0) {
    std::vector<at::Tensor> lists = {own_norms_.cpu()};
    for (int32_t back = 1; back < ranks_; ++back) {
      HP_ASSIGN_OR_RETURN(const at::Tensor norms,
                          slots_.TakeNorms(RankBack(back)));
      lists.push_back(norms.cpu());
    }
    norms_arrived_ = 0;
    HP_ASSIGN_OR_RETURN(std::vector<double> merged, MergeNorms(lists));
    return GlobalNorm(merged);
  }
  const at::Tensor own = SquaredNorms(LoraGradients(Adapters())).cpu();
  const double* values = own.const_data_ptr<double>();
  return GlobalNorm(std::vector<double>(values, values + own.numel()));
}

absl::Status TrainingCompute::OptimizerStep() {
  return TorchGuard("optimizer step", [&]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(grad_norm_, ReadGlobalNorm());
    if (!std::isfinite(grad_norm_)) {
      if (options_.skip_nonfinite) return absl::OkStatus();
      return NonFiniteError(absl::StrCat(
          "non-finite gradient norm (", grad_norm_, ") in step ",
          plan_.step.value(),
          ": the weights were left as they were. Lower the learning rate, or "
          "look for a damaged sample, or for weights that are no numbers in "
          "the files of model.dit"));
    }
    if (options_.on_gradients) {
      HP_RETURN_IF_ERROR(options_.on_gradients(plan_, Adapters()));
    }
    std::vector<at::Tensor> gradients = LoraGradients(Adapters());
    const double factor = ClipFactor(grad_norm_, options_.max_grad_norm);
    if (factor < 1.0) at::_foreach_mul_(gradients, factor);
    optimizer_.Step(gradients, plan_.learning_rate);
    return model_->RefreshComputeCopies();
  });
}

absl::Status TrainingCompute::EndStep(StepReport* report) {
  return TorchGuard("end step", [&]() -> absl::Status {
    HP_RETURN_IF_ERROR(SynchronizeCompute(options_.device));
    report->losses.clear();
    for (const auto& [microbatch, loss] : losses_) {
      report->losses.push_back(loss.item<double>());
    }
    if (!losses_.empty()) report->timesteps = timesteps_;
    report->grad_norm = plan_.evaluation ? 0.0 : grad_norm_;
    HP_ASSIGN_OR_RETURN(report->data_seconds, TakeDataSeconds());
    HP_ASSIGN_OR_RETURN(DeviceMemory memory, ReadDeviceMemory(options_.device));
    report->device_memory = memory_use_.At(memory);
    report->device_bytes_in_use = memory.in_use_bytes;
    report->device_peak_bytes = memory.process_peak_bytes;
    report->pinned_host_bytes =
        model_->TakePeakOffloadedBytes() + optimizer_.host_bytes();
    if (options_.profile) HP_RETURN_IF_ERROR(ReportProfile(report));
    losses_.clear();
    in_flight_.clear();
    model_->EndStep();
    return absl::OkStatus();
  });
}

absl::StatusOr<double> TrainingCompute::TakeDataSeconds() {
  double seconds = 0.0;
  for (const auto& [begin, end] : std::exchange(data_waits_, {})) {
    HP_ASSIGN_OR_RETURN(const double wait, end->SecondsSince(*begin));
    seconds += wait;
  }
  return seconds;
}

absl::Status TrainingCompute::ReportProfile(StepReport* report) {
  profile_.Stop();
  HP_ASSIGN_OR_RETURN(const GroupSeconds seconds, profile_.Take());
  for (size_t i = 0; i < kKernelGroups; ++i) {
    const absl::string_view name = KernelGroupName(static_cast<KernelGroup>(i));
    report->kernel_seconds[std::string(name)] = seconds[i];
  }
  return absl::OkStatus();
}

void TrainingCompute::AbandonStep() {
  // Work in flight must end before its memory is let go; the device's own
  // errors surface in the next call.
  SynchronizeCompute(options_.device).IgnoreError();
  pace_.Clear();
  slots_.Clear();
  model_->AbandonStep();
  in_flight_.clear();
  losses_.clear();
  data_waits_.clear();
  norms_arrived_ = 0;
  profile_.Discard();
}

absl::StatusOr<EventPtr> TrainingCompute::RecordEvent() {
  return RecordComputeEvent(options_.device);
}

}  // namespace halfpipe
