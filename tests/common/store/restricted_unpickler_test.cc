#include "common/store/restricted_unpickler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

absl::Status Parse(absl::string_view bytes) {
  return Pickle::Parse(bytes).status();
}

TEST(RestrictedUnpicklerTest, BuildsPlainValues) {
  // {"a": (1, -2, None, True), "b": [0.5]}
  absl::string_view bytes(
      "\x80\x02}q\x00(X\x01\x00\x00\x00"
      "a(K\x01J\xfe\xff\xff\xffN\x88tX\x01\x00\x00\x00"
      "b]G?\xe0\x00\x00\x00\x00\x00\x00"
      "au.",
      50);
  auto pickle = Pickle::Parse(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  const auto& dict = std::get<PickleDict>(pickle->root().data);
  ASSERT_EQ(dict.entries.size(), 2u);
  EXPECT_EQ(std::get<std::string>(dict.entries[0].first->data), "a");
  const auto& tuple = std::get<PickleTuple>(dict.entries[0].second->data);
  ASSERT_EQ(tuple.items.size(), 4u);
  EXPECT_EQ(std::get<int64_t>(tuple.items[1]->data), -2);
  EXPECT_EQ(std::get<bool>(tuple.items[3]->data), true);
  const auto& list = std::get<PickleList>(dict.entries[1].second->data);
  EXPECT_EQ(std::get<double>(list.items.at(0)->data), 0.5);
}

TEST(RestrictedUnpicklerTest, RefusesOtherNamesByName) {
  absl::Status global = Parse(
      "\x80\x02"
      "cposix\nsystem\nX\x01");
  EXPECT_TRUE(absl::IsInvalidArgument(global));
  EXPECT_THAT(MessageOf(global), HasSubstr("'posix.system'"));
  EXPECT_THAT(MessageOf(global), HasSubstr("nothing was run"));
  absl::Status stack_global = Parse(
      "\x80\x04\x8c\x08"
      "builtins\x8c\x04"
      "eval\x93.");
  EXPECT_THAT(MessageOf(stack_global), HasSubstr("'builtins.eval'"));
}

TEST(RestrictedUnpicklerTest, RefusesOtherOpcodes) {
  // INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, PERSID, STRING, BINBYTES.
  for (char opcode : {'i', 'o', '\x81', '\x92', '\x82', 'P', 'S', 'B'}) {
    std::string bytes = {'\x80', '\x02', opcode, '.'};
    absl::Status status = Parse(bytes);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(MessageOf(status), HasSubstr("pickle byte 2: opcode 0x"));
  }
}

TEST(RestrictedUnpicklerTest, RefusesBrokenStreams) {
  const char* broken[] = {"",
                          ".",
                          "t.",
                          "K",
                          "K\x01",
                          "h\x07.",
                          "q\x01.",
                          "(.",
                          "K\x01"
                          "a.",
                          "}K\x01s.",
                          "}(K\x01u.",
                          "]K\x01"
                          "b.",
                          "K\x01K\x02R.",
                          "Q.",
                          "K\x01Q.",
                          "ccollections\nOrderedDict\nK\x01\x85R."};
  for (const char* bytes : broken) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(bytes))) << bytes;
  }
}

TEST(RestrictedUnpicklerTest, ACircleIsNoTrap) {
  // d = {}; d["d"] = d
  auto pickle =
      Pickle::Parse(absl::string_view("}q\x00X\x01\x00\x00\x00"
                                      "dh\x00s.",
                                      14));
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  const auto& dict = std::get<PickleDict>(pickle->root().data);
  EXPECT_EQ(dict.entries.at(0).second, &pickle->root());
}

TEST(RestrictedUnpicklerTest, BoundsWhatAFileAsksFor) {
  EXPECT_FALSE(Parse(std::string(100, '(')).ok());
  std::string many(Pickle::kMaxValues + 1, '}');
  EXPECT_THAT(MessageOf(Parse(many)), HasSubstr("larger than any state dict"));
}

}  // namespace
}  // namespace halfpipe
