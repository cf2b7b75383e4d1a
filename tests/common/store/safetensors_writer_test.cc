#include "common/store/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/store/lora_names.h"
#include "common/store/tensor_archive.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(SafetensorsWriterTest, WritesTheBytesOfTheReferenceLibrary) {
  ScratchFolder scratch;
  auto archive = OpenTensorArchive(Golden("layout.safetensors")).value();
  std::deque<std::string> buffers;
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : archive->tensors()) {
    buffers.emplace_back(tensor.bytes, '\0');
    ASSERT_TRUE(archive->Read(name, buffers.back().data()).ok());
    tensors.push_back(
        {name, tensor.dtype, tensor.shape, buffers.back().data()});
  }
  std::string path = scratch / "again.safetensors";
  absl::Status status = WriteSafetensors(path, tensors, archive->metadata());
  ASSERT_TRUE(status.ok()) << status;
  std::string golden = ReadFile(Golden("layout.safetensors")).value();
  EXPECT_EQ(ReadFile(path).value(), golden);
  EXPECT_EQ(SafetensorsSize(tensors, archive->metadata()).value(),
            golden.size());
}

// The tensors of a LoRA over q, k, v, o, ffn.0 and ffn.2 of a 14B Wan DiT.
std::vector<TensorToWrite> LoraOf14B(LoraFormat format, int64_t rank) {
  constexpr int64_t kDim = 5120;
  constexpr int64_t kFfn = 13824;
  std::vector<TensorToWrite> tensors;
  for (int block = 0; block < 40; ++block) {
    for (const char* layer :
         {"self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o",
          "cross_attn.q", "cross_attn.k", "cross_attn.v", "cross_attn.o",
          "ffn.0", "ffn.2"}) {
      absl::string_view name = layer;
      const int64_t in = name == "ffn.2" ? kFfn : kDim;
      const int64_t out = name == "ffn.0" ? kFfn : kDim;
      LoraKeys keys =
          LoraKeysFor(format, absl::StrCat("blocks.", block, ".", layer))
              .value();
      tensors.push_back({keys.a, DType::kBF16, {rank, in}, nullptr});
      tensors.push_back({keys.b, DType::kBF16, {out, rank}, nullptr});
    }
  }
  return tensors;
}

TEST(SafetensorsWriterTest, ALoraOfA14BHasTheKnownSize) {
  std::vector<TensorToWrite> tensors = LoraOf14B(LoraFormat::kDiffSynth, 32);
  EXPECT_EQ(tensors.size(), 800u);
  // 153,354,240 parameters in bf16, a header of 93,088 bytes, and its length;
  // the reference library wrote files of these sizes for the same tensors.
  const TensorMetadata metadata = {{"format", "pt"}};
  EXPECT_EQ(SafetensorsSize(tensors, metadata).value(), 306'801'576u);
  tensors = LoraOf14B(LoraFormat::kComfyUi, 32);
  EXPECT_EQ(SafetensorsSize(tensors, metadata).value(), 306'807'976u);
}

TEST(SafetensorsWriterTest, MetadataIsWrittenInOrder) {
  ScratchFolder scratch;
  std::string path = scratch / "m.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, {}, {{"z", "1"}, {"a", "2"}}).ok());
  EXPECT_THAT(ReadFile(path).value(),
              HasSubstr(R"({"__metadata__":{"a":"2","z":"1"}})"));
}

TEST(SafetensorsWriterTest, WritesNothingWhenANameIsBad) {
  ScratchFolder scratch;
  const float value = 1;
  const std::vector<std::vector<TensorToWrite>> bad = {
      {{"", DType::kF32, {1}, &value}},
      {{"__metadata__", DType::kF32, {1}, &value}},
      {{"\xff", DType::kF32, {1}, &value}},
      {{"w", DType::kF32, {-1}, &value}},
      {{"w", DType::kF32, {1}, &value}, {"w", DType::kF32, {1}, &value}},
  };
  for (const auto& tensors : bad) {
    absl::Status status =
        WriteSafetensors(scratch / "x.safetensors", tensors, {});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  EXPECT_FALSE(
      WriteSafetensors(scratch / "x.safetensors", {}, {{"k", "\xff"}}).ok());
  EXPECT_EQ(scratch.Count(), 0);
}

TEST(SafetensorsWriterTest, StreamedPiecesMakeTheSameFile) {
  ScratchFolder scratch;
  const float values[] = {1, 2, 3, 4};
  const std::vector<TensorToWrite> whole = {
      {"b", DType::kF32, {2}, values}, {"a", DType::kF32, {2}, values + 2}};
  ASSERT_TRUE(WriteSafetensors(scratch / "whole", whole, {{"k", "v"}}).ok());
  std::vector<TensorToWrite> streamed = whole;
  for (TensorToWrite& tensor : streamed) tensor.data = nullptr;
  std::vector<std::string> order;
  const auto produce = [&](const TensorToWrite& tensor,
                           const TensorSink& sink) {
    order.push_back(tensor.name);
    const float* data = tensor.name == "a" ? values + 2 : values;
    absl::Status status = sink(data, 4);
    if (status.ok()) status = sink(data + 1, 4);
    return status;
  };
  ASSERT_TRUE(
      StreamSafetensors(scratch / "streamed", streamed, {{"k", "v"}}, produce)
          .ok());
  EXPECT_EQ(order, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ReadFile(scratch / "streamed").value(),
            ReadFile(scratch / "whole").value());
}

TEST(SafetensorsWriterTest, AStreamThatFailsOrFallsShortLeavesNothing) {
  ScratchFolder scratch;
  const std::vector<TensorToWrite> tensors = {{"a", DType::kF32, {2}, nullptr}};
  absl::Status status = StreamSafetensors(
      scratch / "x", tensors, {}, [](const TensorToWrite&, const TensorSink&) {
        return absl::CancelledError("stopped");
      });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  status = StreamSafetensors(scratch / "x", tensors, {},
                             [](const TensorToWrite&, const TensorSink& sink) {
                               return sink("1234", 4);
                             });
  EXPECT_THAT(MessageOf(status), HasSubstr("got 4 bytes instead of 8"));
  EXPECT_EQ(scratch.Count(), 0);
}

}  // namespace
}  // namespace halfpipe
