#include "common/rpc/job_conversion.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(TraceConversionTest, EveryFieldGoesThereAndBack) {
  StepTrace trace;
  trace.steps_done = 41;
  trace.time = absl::FromUnixMillis(1234);
  trace.loss = 0.25;
  trace.stages.resize(2);
  StageTrace& stage = trace.stages[1];
  stage.rank = 1;
  stage.actions = {{pipeline::ParseAction("1F3").value(), 0.5, 1.0}};
  stage.step_seconds = 4;
  stage.busy_seconds = 3;
  stage.bubble_seconds = 0.5;
  stage.recv_seconds = 0.25;
  stage.data_seconds = 0.125;
  stage.link_bytes_sent = 77;
  const StepTrace back = FromProto(ToProto(trace));
  EXPECT_EQ(back.steps_done, 41);
  EXPECT_EQ(back.time, trace.time);
  EXPECT_EQ(back.loss, 0.25);
  ASSERT_EQ(back.stages.size(), 2u);
  const StageTrace& got = back.stages[1];
  EXPECT_EQ(got.rank, 1);
  ASSERT_EQ(got.actions.size(), 1u);
  EXPECT_EQ(got.actions[0].action, stage.actions[0].action);
  EXPECT_EQ(got.actions[0].end_seconds, 1.0);
  EXPECT_EQ(got.step_seconds, 4);
  EXPECT_EQ(got.busy_seconds, 3);
  EXPECT_EQ(got.bubble_seconds, 0.5);
  EXPECT_EQ(got.recv_seconds, 0.25);
  EXPECT_EQ(got.data_seconds, 0.125);
  EXPECT_EQ(got.link_bytes_sent, 77);
}

TEST(TraceConversionTest, AnActionOfANewerServiceIsLeftOut) {
  v1::StepTrace trace;
  v1::StageTrace* stage = trace.add_stages();
  stage->add_actions()->set_action("0F0");
  stage->add_actions()->set_action("TELEPORT");
  EXPECT_EQ(FromProto(trace).stages[0].actions.size(), 1u);
}

}  // namespace
}  // namespace halfpipe
