#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/pickle_machine.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(PickleStackTest, PopsInTheOrderOfThePushes) {
  PickleValue a, b, c;
  PickleStack stack;
  for (PickleValue* value : {&a, &b, &c}) stack.Push(value);
  EXPECT_THAT(stack.Pop(2).value(), ElementsAre(&b, &c));
  EXPECT_EQ(stack.Top().value(), &a);
}

TEST(PickleStackTest, NothingIsTakenFromBelowAMark) {
  PickleValue a, b;
  PickleStack stack;
  stack.Push(&a);
  ASSERT_TRUE(stack.Mark().ok());
  EXPECT_FALSE(stack.Pop().ok());
  stack.Push(&b);
  EXPECT_THAT(stack.PopToMark().value(), ElementsAre(&b));
  EXPECT_EQ(stack.Pop().value(), &a);
  EXPECT_FALSE(stack.Pop().ok());
  EXPECT_FALSE(stack.PopToMark().ok());
}

TEST(PickleStackTest, MarksAreBounded) {
  PickleStack stack;
  for (size_t i = 0; i < PickleStack::kMaxMarks; ++i) {
    ASSERT_TRUE(stack.Mark().ok());
  }
  EXPECT_FALSE(stack.Mark().ok());
}

}  // namespace
}  // namespace halfpipe
