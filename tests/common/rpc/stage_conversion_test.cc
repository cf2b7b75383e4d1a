#include "common/rpc/stage_conversion.h"

#include "common/base/disk_full.h"
#include "common/jobs/failure_notes.h"
#include "common/rpc/status_conversion.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

// A value that went through a message and bytes.
template <typename Message, typename Value>
auto ThereAndBack(const Value& value) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(ToProto(value).SerializeAsString()));
  return FromProto(message);
}

SampleRef Sample() { return {3, "/a.mp4", "a dog", "/l", "/c", true}; }

TEST(StageConversionTest, Registration) {
  StageInfo info;
  info.protocol = 7;
  info.pair = "p";
  info.rank = Rank(1);
  info.incarnation = 0xfedcba9876543210U;
  info.pid = 12;
  info.host = "h";
  info.device = "cuda:1";
  info.device_name = "n";
  info.gpu_uuid = "u";
  info.device_total_bytes = int64_t{1} << 40;
  info.device_free_bytes = 5;
  info.version = "v";
  info.device_rates = "{}";
  info.host_available_bytes = int64_t{1} << 38;
  const StageInfo back = ThereAndBack<v1::RegisterRequest>(info);
  EXPECT_EQ(back.pair, info.pair);
  EXPECT_EQ(back.rank, info.rank);
  EXPECT_EQ(back.incarnation, info.incarnation);
  EXPECT_EQ(back.pid, info.pid);
  EXPECT_EQ(back.gpu_uuid, info.gpu_uuid);
  EXPECT_EQ(back.device_total_bytes, info.device_total_bytes);
  EXPECT_EQ(back.device_free_bytes, info.device_free_bytes);
  EXPECT_EQ(back.version, info.version);
  EXPECT_EQ(back.device_rates, info.device_rates);
  EXPECT_EQ(back.host_available_bytes, info.host_available_bytes);
}

TEST(StageConversionTest, TheLinksOfMoreThanTwoStages) {
  EXPECT_EQ(LinksBetween(1), 0);
  EXPECT_EQ(LinksBetween(2), 1);
  EXPECT_EQ(LinksBetween(3), 3);
  EXPECT_EQ(LinksBetween(4), 4);
  for (int32_t links : {1, 3}) {
    const auto back = ThereAndBack<v1::StageCommand>(
        StageCommand{7, Epoch(3), OpenLinkCommand{"local", links}});
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(std::get<OpenLinkCommand>(back->body).links, links);
  }
}

TEST(StageConversionTest, StartCommand) {
  StartCommand start;
  start.job = "j";
  start.split = 20;
  start.link_kind = "nccl";
  start.rendezvous = std::string("\0\xff\x80z", 4);
  start.further_rendezvous = {std::string("\0\xfe", 2), "b"};
  start.first_samples = {Sample()};
  start.schedule = {"0F0 0SF0", "1RF0"};
  start.schedule_hash = "h";
  start.resume_from = "/c";
  start.memory_plan = {"20*kkkkkkkk", "19*orokrrrr 1*kkkkkkkk"};
  start.ffn_chunks = {1, 4};
  const auto back =
      ThereAndBack<v1::StageCommand>(StageCommand{7, Epoch(3), start});
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->sequence, 7);
  EXPECT_EQ(back->epoch, Epoch(3));
  const auto& body = std::get<StartCommand>(back->body);
  EXPECT_EQ(body.rendezvous, start.rendezvous);
  EXPECT_EQ(body.further_rendezvous, start.further_rendezvous);
  EXPECT_EQ(body.schedule, start.schedule);
  EXPECT_EQ(body.split, 20);
  EXPECT_EQ(body.resume_from, "/c");
  EXPECT_EQ(body.memory_plan, start.memory_plan);
  EXPECT_EQ(body.ffn_chunks, start.ffn_chunks);
  EXPECT_EQ(body.first_samples.at(0).prompt, "a dog");
  EXPECT_TRUE(body.first_samples.at(0).cached);
}

TEST(StageConversionTest, EveryCommandKeepsItsKind) {
  const CommandBody bodies[] = {
      ScanCommand{"y"},
      EncodeCommand{"y", {Sample()}},
      OpenLinkCommand{},
      StartCommand{},
      StepCommand{},
      SaveCommand{Step(4), "/d"},
      ExportCommand{"y", "/d", {"comfyui"}, {{"k", "v"}}},
      EndCommand{"done"},
      ShutdownCommand{}};
  for (const CommandBody& body : bodies) {
    const auto back =
        ThereAndBack<v1::StageCommand>(StageCommand{1, Epoch(1), body});
    ASSERT_TRUE(back.ok()) << body.index();
    EXPECT_EQ(back->body.index(), body.index());
  }
  EXPECT_EQ(FromProto(v1::StageCommand()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StageConversionTest, StepPlan) {
  StepCommand step;
  step.plan.epoch = Epoch(2);
  step.plan.step = Step(41);
  step.plan.learning_rate = 1.0 / 3.0;
  step.plan.microbatches = {{"/l", "/c", 88}};
  step.plan.record_dir = "/r";
  step.plan.peak_bytes = {1, 2};
  const auto back =
      ThereAndBack<v1::StageCommand>(StageCommand{1, Epoch(2), step});
  ASSERT_TRUE(back.ok());
  const StepPlan& plan = std::get<StepCommand>(back->body).plan;
  EXPECT_EQ(plan.step, Step(41));
  EXPECT_EQ(plan.learning_rate, 1.0 / 3.0);
  EXPECT_EQ(plan.microbatches.at(0).data_position, 88);
  EXPECT_EQ(plan.record_dir, "/r");
  EXPECT_EQ(plan.peak_bytes, (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(plan.evaluation);
  EXPECT_FALSE(plan.microbatches[0].fixed.has_value());
}

TEST(StageConversionTest, Evaluation) {
  StepCommand step;
  step.plan.evaluation = true;
  step.plan.microbatches.resize(2);
  step.plan.microbatches[1].fixed = FixedDraw{"clip band 2", 0.625};
  const auto back =
      ThereAndBack<v1::StageCommand>(StageCommand{1, Epoch(2), step});
  ASSERT_TRUE(back.ok());
  const StepPlan& plan = std::get<StepCommand>(back->body).plan;
  EXPECT_TRUE(plan.evaluation);
  EXPECT_FALSE(plan.microbatches.at(0).fixed.has_value());
  EXPECT_EQ(plan.microbatches.at(1).fixed, step.plan.microbatches[1].fixed);

  StartCommand start;
  start.evaluation_schedule = {"0F0 0SF0 2RF0 2F0", "1RF0 1F0 1SF0"};
  const auto started =
      ThereAndBack<v1::StageCommand>(StageCommand{1, Epoch(2), start});
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(std::get<StartCommand>(started->body).evaluation_schedule,
            start.evaluation_schedule);
}

TEST(StageConversionTest, StepReport) {
  StepReport report;
  report.step = Step(41);
  report.losses = {0.5, 0.25};
  report.grad_norm = 1.5;
  report.timings = {{pipeline::ParseAction("1F3").value(), 0.5, 1.0}};
  report.kernel_seconds = {{"linear", 0.25}, {"lora", 0.125}};
  report.data_seconds = 0.125;
  report.device_memory = {.weights_bytes = 7, .free_bytes = 9};
  const auto back = ThereAndBack<v1::ReportRequest>(
      CommandResult{5, Epoch(2), absl::OkStatus(), StepResult{report}});
  ASSERT_TRUE(back.ok());
  const StepReport& got = std::get<StepResult>(back->body).report;
  EXPECT_THAT(got.losses, ElementsAre(0.5, 0.25));
  EXPECT_EQ(got.kernel_seconds, report.kernel_seconds);
  EXPECT_EQ(got.device_memory, report.device_memory);
  EXPECT_EQ(got.data_seconds, 0.125);
  ASSERT_EQ(got.timings.size(), 1u);
  EXPECT_EQ(pipeline::ToString(got.timings[0].action), "1F3");
}

TEST(StageConversionTest, ScanResultTellsTheModelsSizes) {
  ScanResult scan{.variant = "v"};
  scan.problems = absl::NotFoundError("model.vae: no such file");
  scan.lora_parameters = 5;
  scan.model = {.dim = 1,
                .ffn_dim = 2,
                .heads = 3,
                .layers = 40,
                .text_dim = 4,
                .in_channels = 5,
                .out_channels = 6,
                .image_dim = kImageFeatures};
  const auto back = ThereAndBack<v1::ReportRequest>(
      CommandResult{5, Epoch(2), absl::OkStatus(), scan});
  ASSERT_TRUE(back.ok());
  const auto& got = std::get<ScanResult>(back->body);
  EXPECT_EQ(got.problems, scan.problems);
  EXPECT_EQ(got.model.layers, 40);
  EXPECT_EQ(got.lora_parameters, 5);
  EXPECT_EQ(got.model, scan.model);
}

TEST(StageConversionTest, StartResultKeepsEveryField) {
  const auto back = ThereAndBack<v1::ReportRequest>(
      CommandResult{5, Epoch(2), absl::OkStatus(),
                    StartResult{.boundary_digest = "d",
                                .load_seconds = 0.5,
                                .device_bytes_in_use = 7,
                                .layers = 20}});
  ASSERT_TRUE(back.ok());
  const auto& got = std::get<StartResult>(back->body);
  EXPECT_EQ(got.boundary_digest, "d");
  EXPECT_EQ(got.load_seconds, 0.5);
  EXPECT_EQ(got.device_bytes_in_use, 7);
  EXPECT_EQ(got.layers, 20);
}

TEST(StageConversionTest, EveryResultKeepsItsKind) {
  const ResultBody bodies[] = {
      ScanResult{},   EncodeResult{}, OpenLinkResult{},
      StartResult{},  StepResult{},   SaveResult{},
      ExportResult{}, EndResult{},    ShutdownResult{}};
  for (const ResultBody& body : bodies) {
    const auto back = ThereAndBack<v1::ReportRequest>(
        CommandResult{1, Epoch(1), absl::OkStatus(), body});
    ASSERT_TRUE(back.ok()) << body.index();
    EXPECT_EQ(back->body.index(), body.index());
  }
  EXPECT_EQ(FromProto(v1::ReportRequest()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StageConversionTest, AFailureHasNoBody) {
  const auto back = ThereAndBack<v1::ReportRequest>(CommandResult{
      1, Epoch(1), absl::ResourceExhaustedError("oom"), SaveResult{}});
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->status, absl::ResourceExhaustedError("oom"));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(back->body));
}

TEST(StageConversionTest, AnActionThatIsNoneIsRefused) {
  v1::ReportRequest message;
  message.mutable_step()->add_timings()->set_action("9X9");
  EXPECT_EQ(FromProto(message).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StageConversionTest, WhatAFailureTellsTheCoordinatorArrives) {
  absl::Status refused = absl::ResourceExhaustedError("cannot pin");
  const PinRefusal refusal = {.pinned_bytes = int64_t{12} << 30,
                              .asked_bytes = 1 << 20};
  SetPinRefusal(refusal, &refused);
  const auto pin =
      ThereAndBack<v1::ReportRequest>(CommandResult{5, Epoch(2), refused, {}});
  ASSERT_TRUE(pin.ok()) << pin.status();
  EXPECT_EQ(PinRefusalOf(pin->status), refusal);
  EXPECT_FALSE(IsDeviceFault(pin->status));
  absl::Status lost = absl::InternalError("Xid 79");
  MarkDeviceFault(&lost);
  const auto fault =
      ThereAndBack<v1::ReportRequest>(CommandResult{5, Epoch(2), lost, {}});
  ASSERT_TRUE(fault.ok()) << fault.status();
  EXPECT_TRUE(IsDeviceFault(fault->status));
  EXPECT_EQ(PinRefusalOf(fault->status), std::nullopt);
  EXPECT_FALSE(IsDiskFull(fault->status));
  absl::Status full = absl::ResourceExhaustedError("no space");
  MarkDiskFull(&full);
  const auto disk =
      ThereAndBack<v1::ReportRequest>(CommandResult{5, Epoch(2), full, {}});
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_TRUE(IsDiskFull(disk->status));
  EXPECT_FALSE(IsDeviceFault(disk->status));
}

TEST(StageConversionTest, WhatWasRejectedAndWhatIsStuck) {
  const EncodeResult encode{7,
                            {"b.mp4: 3 frames"},
                            {"/cache/b"},
                            {{"/data/c.mp4", 17}, {"/data/d.mp4", 21}}};
  const auto back = ThereAndBack<v1::ReportRequest>(
      CommandResult{5, Epoch(2), absl::OkStatus(), encode});
  ASSERT_TRUE(back.ok()) << back.status();
  const auto& result = std::get<EncodeResult>(back->body);
  EXPECT_EQ(result.rejected, encode.rejected);
  EXPECT_EQ(result.rejected_paths, encode.rejected_paths);
  ASSERT_EQ(result.short_clips.size(), 2u);
  EXPECT_EQ(result.short_clips[0].media_path, "/data/c.mp4");
  EXPECT_EQ(result.short_clips[0].frames, 17);
  EXPECT_EQ(result.short_clips[1].frames, 21);
  const HeartbeatReply reply = ThereAndBack<v1::HeartbeatResponse>(
      HeartbeatReply{.abandon = false, .epoch = Epoch(3), .stuck = true});
  EXPECT_TRUE(reply.stuck);
  EXPECT_FALSE(reply.abandon);
  EXPECT_EQ(reply.epoch, Epoch(3));
}

TEST(StageConversionTest, Heartbeats) {
  StageHeartbeat heartbeat;
  heartbeat.epoch = Epoch(4);
  heartbeat.action_index = -1;
  heartbeat.activity = "encoding 3/12";
  heartbeat.progress = {StageWork::kEncodingClips, 3, 12};
  heartbeat.device_free_change_bytes = -(int64_t{3} << 30);
  heartbeat.host_available_bytes = int64_t{64} << 30;
  heartbeat.lines = {{LogLevel::kWarning, "bad \xff name", Epoch(7)}};
  const StageHeartbeat back = ThereAndBack<v1::HeartbeatRequest>(heartbeat);
  EXPECT_EQ(back.epoch, Epoch(4));
  EXPECT_EQ(back.action_index, -1);
  EXPECT_EQ(back.activity, "encoding 3/12");
  EXPECT_EQ(back.progress, heartbeat.progress);
  EXPECT_EQ(back.device_free_change_bytes, -(int64_t{3} << 30));
  EXPECT_EQ(back.host_available_bytes, int64_t{64} << 30);
  ASSERT_EQ(back.lines.size(), 1u);
  EXPECT_EQ(back.lines[0].level, LogLevel::kWarning);
  EXPECT_EQ(back.lines[0].epoch, Epoch(7));
  EXPECT_EQ(back.lines[0].text.substr(0, 4), "bad ");
  const auto reply =
      ThereAndBack<v1::HeartbeatResponse>(HeartbeatReply{true, Epoch(9)});
  EXPECT_TRUE(reply.abandon);
  EXPECT_EQ(reply.epoch, Epoch(9));
}

}  // namespace
}  // namespace halfpipe
