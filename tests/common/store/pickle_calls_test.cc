#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/pickle_machine.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(PickleCallsTest, OnlyAListOfNamesIsAllowed) {
  for (const char* name :
       {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter", "torch.BFloat16Storage",
        "torch._utils._rebuild_tensor_v3", "torch.storage.UntypedStorage",
        "torch.float8_e4m3fn", "torch.float8_e5m2"}) {
    EXPECT_TRUE(CheckAllowedGlobal(name).ok()) << name;
  }
  for (const char* name :
       {"os.system", "builtins.eval", "torch.load", "torch.storage._load",
        "torch.FloatStorage.x", "", "torch._utils._rebuild_tensor_v4"}) {
    absl::Status status = CheckAllowedGlobal(name);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(MessageOf(status), HasSubstr(absl::StrCat("'", name, "'")));
  }
}

TEST(PickleCallsTest, AnIdNeedsAllItsParts) {
  PickleValue tag{"storage"};
  PickleValue type{PickleGlobal{"torch.FloatStorage"}};
  PickleValue key{"0"};
  PickleValue device{"cpu"};
  PickleValue count{int64_t{6}};
  auto storage = StorageOf({PickleTuple{{&tag, &type, &key, &device, &count}}});
  ASSERT_TRUE(storage.ok());
  EXPECT_EQ(storage->dtype, DType::kF32);
  EXPECT_EQ(storage->elements, 6);
  PickleValue negative{int64_t{-1}};
  PickleValue other{PickleGlobal{"collections.OrderedDict"}};
  for (const PickleTuple& bad :
       {PickleTuple{{&tag, &type, &key, &device}},
        PickleTuple{{&key, &type, &key, &device, &count}},
        PickleTuple{{&tag, &other, &key, &device, &count}},
        PickleTuple{{&tag, &type, &count, &device, &count}},
        PickleTuple{{&tag, &type, &key, &device, &negative}}}) {
    EXPECT_FALSE(StorageOf({bad}).ok());
  }
}

TEST(PickleCallsTest, ATensorNeedsAStorageAndSizes) {
  PickleValue storage{PickledStorage{DType::kF32, "0", 6}};
  PickleValue zero{int64_t{0}};
  PickleValue two{int64_t{2}};
  PickleValue negative{int64_t{-2}};
  PickleValue shape{PickleTuple{{&two, &two}}};
  PickleValue short_shape{PickleTuple{{&two}}};
  PickleValue bad_shape{PickleTuple{{&two, &negative}}};
  const char* kName = "torch._utils._rebuild_tensor_v2";
  EXPECT_TRUE(CallGlobal(kName, {{&storage, &zero, &shape, &shape}}).ok());
  for (const PickleTuple& bad :
       {PickleTuple{}, PickleTuple{{&zero, &zero, &shape, &shape}},
        PickleTuple{{&storage, &negative, &shape, &shape}},
        PickleTuple{{&storage, &zero, &shape, &short_shape}},
        PickleTuple{{&storage, &zero, &bad_shape, &shape}}}) {
    EXPECT_FALSE(CallGlobal(kName, bad).ok());
  }
  // Version 3 says the type of a storage of bytes.
  PickleValue bytes{PickledStorage{DType::kU8, "0", 6}};
  PickleValue none{PickleDict{}};
  PickleValue no{false};
  PickleValue e5m2{PickleGlobal{"torch.float8_e5m2"}};
  const char* kTyped = "torch._utils._rebuild_tensor_v3";
  const auto typed =
      CallGlobal(kTyped, {{&bytes, &zero, &shape, &shape, &no, &none, &e5m2}});
  ASSERT_TRUE(typed.ok()) << typed.status();
  EXPECT_EQ(std::get<PickledTensor>(typed->data).storage.dtype, DType::kF8E5M2);
  for (const PickleTuple& bad :
       {PickleTuple{{&bytes, &zero, &shape, &shape, &no, &none}},
        PickleTuple{{&bytes, &zero, &shape, &shape, &no, &none, &zero}},
        PickleTuple{{&storage, &zero, &shape, &shape, &no, &none, &e5m2}}}) {
    EXPECT_FALSE(CallGlobal(kTyped, bad).ok());
  }
  // A storage's class is allowed as a name, never as a call.
  EXPECT_FALSE(CallGlobal("torch.FloatStorage", {}).ok());
}

}  // namespace
}  // namespace halfpipe
