#include "stage/runtime/command_dispatch.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/fake_stage_backend.h"

namespace halfpipe {
namespace {

TEST(CommandDispatchTest, EveryCommandRunsItsOwnMethod) {
  const std::vector<CommandBody> bodies = {
      ScanCommand(), EncodeCommand(), OpenLinkCommand(), StartCommand(),
      StepCommand(), SaveCommand(),   ExportCommand(),   EndCommand()};
  FakeStageBackend backend;
  std::vector<std::string> names;
  for (const CommandBody& body : bodies) {
    StageCommand command;
    command.body = body;
    auto result = Dispatch(command, {}, &backend);
    ASSERT_TRUE(result.ok()) << result.status();
    // Alternative 0 of a result is "none"; the others are in the same order.
    EXPECT_EQ(result->index(), body.index() + 1);
    names.emplace_back(CommandName(body));
  }
  EXPECT_EQ(backend.ran(), names);
}

TEST(CommandDispatchTest, ShutdownAsksNobody) {
  FakeStageBackend backend;
  StageCommand command;
  command.body = ShutdownCommand();
  auto result = Dispatch(command, {}, &backend);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(std::holds_alternative<ShutdownResult>(*result));
  EXPECT_TRUE(backend.ran().empty());
  EXPECT_EQ(CommandName(command.body), "shutdown");
}

TEST(CommandDispatchTest, AFailureKeepsItsStatus) {
  FakeStageBackend backend;
  StageCommand command;
  EncodeCommand encode;
  encode.samples.emplace_back().prompt = "fault";
  command.body = encode;
  EXPECT_TRUE(absl::IsInternal(Dispatch(command, {}, &backend).status()));
}

}  // namespace
}  // namespace halfpipe
