#include "client/lora/merged_checkpoint.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "client/lora/lora_match.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/linear_shapes.h"
#include "common/store/float_convert.h"
#include "common/store/safetensors_writer.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPieceBytes = uint64_t{8} << 20;
// The names that diffusers, and so most loaders, look for in a folder.
constexpr char kStem[] = "diffusion_pytorch_model";

using Shard = std::vector<TensorToWrite>;

// Removes a folder unless it was given its name in time.
class UnfinishedFolder {
 public:
  explicit UnfinishedFolder(std::string path) : path_(std::move(path)) {}

  ~UnfinishedFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  UnfinishedFolder(const UnfinishedFolder&) = delete;
  UnfinishedFolder& operator=(const UnfinishedFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// What is added to one tensor of the base: never both.
struct Update {
  const LoraModule* module = nullptr;
  const LoraDifference* difference = nullptr;
};

class Merge {
 public:
  Merge(const LoraFile& lora, const MergeOptions& options,
        const WanCheckpoint& checkpoint)
      : options_(options), archive_(*checkpoint.archive) {
    const auto& tensors = checkpoint.variant.tensors;
    for (const LoraModule& module : lora.modules) {
      const auto stored = tensors.find(module.module + ".weight");
      if (stored == tensors.end()) continue;
      updates_[stored->second.name].module = &module;
    }
    for (const LoraDifference& difference : lora.differences) {
      const auto stored = tensors.find(difference.tensor);
      if (stored == tensors.end()) continue;
      updates_[stored->second.name].difference = &difference;
    }
  }

  [[nodiscard]] absl::Status CheckDTypes() const {
    for (const auto& [name, update] : updates_) {
      const ArchivedTensor& tensor = archive_.tensors().at(name);
      if (IsFloatingPoint(tensor.dtype)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          tensor.file, ": '", name, "' is ", DTypeName(tensor.dtype),
          ", which loses a LoRA when it is rounded; merge into the bf16 "
          "checkpoint and quantise the result"));
    }
    return absl::OkStatus();
  }

  // The base's tensors in files of at most `limit` bytes, or one tensor.
  [[nodiscard]] std::vector<Shard> Split(int64_t limit) const {
    std::vector<Shard> shards(1);
    uint64_t held = 0;
    for (const auto& [name, tensor] : archive_.tensors()) {
      if (!shards.back().empty() &&
          held + tensor.bytes > static_cast<uint64_t>(limit)) {
        shards.emplace_back();
        held = 0;
      }
      shards.back().push_back({name, tensor.dtype, tensor.shape, nullptr});
      held += tensor.bytes;
    }
    return shards;
  }

  [[nodiscard]] absl::Status Write(const std::string& path,
                                   const Shard& shard) const {
    TensorMetadata metadata = archive_.metadata();
    metadata.try_emplace("format", "pt");
    return StreamSafetensors(
        path, shard, metadata,
        [this](const TensorToWrite& tensor, const TensorSink& sink) {
          const auto update = updates_.find(tensor.name);
          return update == updates_.end() ? Copy(tensor.name, sink)
                                          : Add(tensor, update->second, sink);
        });
  }

 private:
  [[nodiscard]] absl::Status CheckStop() const {
    if (!options_.stop || !options_.stop()) return absl::OkStatus();
    return absl::CancelledError("interrupted; nothing was written");
  }

  [[nodiscard]] absl::Status Copy(const std::string& name,
                                  const TensorSink& sink) const {
    const uint64_t bytes = archive_.tensors().at(name).bytes;
    std::string piece;
    for (uint64_t at = 0; at < bytes; at += piece.size()) {
      HP_RETURN_IF_ERROR(CheckStop());
      piece.resize(std::min(kPieceBytes, bytes - at));
      HP_RETURN_IF_ERROR(
          archive_.ReadRange(name, at, piece.size(), piece.data()));
      HP_RETURN_IF_ERROR(sink(piece.data(), piece.size()));
    }
    return absl::OkStatus();
  }

  // As many rows at a time as a piece has room for.
  [[nodiscard]] absl::Status Add(const TensorToWrite& tensor,
                                 const Update& update,
                                 const TensorSink& sink) const {
    const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
    const int64_t width = rows == 0 ? 0 : ElementCount(tensor.shape) / rows;
    const uint64_t row_bytes =
        static_cast<uint64_t>(width) * SizeOf(tensor.dtype);
    const auto step = static_cast<int64_t>(
        std::max<uint64_t>(1, kPieceBytes / std::max<uint64_t>(1, row_bytes)));
    std::string piece;
    std::vector<float> values;
    for (int64_t row = 0; row < rows; row += step) {
      HP_RETURN_IF_ERROR(CheckStop());
      const int64_t count = std::min(step, rows - row);
      piece.resize(static_cast<uint64_t>(count) * row_bytes);
      values.resize(static_cast<size_t>(count * width));
      HP_RETURN_IF_ERROR(archive_.ReadRange(
          tensor.name, static_cast<uint64_t>(row) * row_bytes, piece.size(),
          piece.data()));
      DecodeFloats(tensor.dtype, piece.data(), values.size(), values.data());
      AddRows(update, row, width, values);
      EncodeFloats(tensor.dtype, values.data(), values.size(), piece.data());
      HP_RETURN_IF_ERROR(sink(piece.data(), piece.size()));
    }
    return absl::OkStatus();
  }

  // `values` are rows of the tensor from `row` on, each `width` numbers.
  void AddRows(const Update& update, int64_t row, int64_t width,
               std::vector<float>& values) const {
    if (update.module != nullptr) {
      AddLoraRows(*update.module, options_.strength, row,
                  static_cast<int64_t>(values.size()) / update.module->in,
                  options_.threads, values.data());
      return;
    }
    const auto strength = static_cast<float>(options_.strength);
    const float* added = update.difference->values.data() + row * width;
    for (float& value : values) value += strength * *added++;
  }

  const MergeOptions& options_;
  const TensorArchive& archive_;
  std::map<std::string, Update> updates_;  // by stored name
};

bool IsOneFile(const std::string& output) {
  return absl::EndsWith(output, ".safetensors");
}

absl::Status CheckMergedOutput(const MergeOptions& options) {
  std::error_code error;
  if (fs::is_directory(options.output, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.output,
                     " is there already; name a folder that is not, or a "
                     "file that ends in .safetensors"));
  }
  // A base in one shard may be named by its folder: its files count too.
  std::vector<fs::path> base = {options.base};
  if (fs::is_directory(options.base, error)) {
    for (const auto& entry : fs::directory_iterator(options.base, error)) {
      base.push_back(entry.path());
    }
  }
  for (const fs::path& path : base) {
    if (!fs::equivalent(path, options.output, error)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        options.output, " is the base model itself; name another file"));
  }
  return absl::OkStatus();
}

absl::Status CheckRoom(const std::string& output, uint64_t bytes) {
  std::error_code error;
  const fs::path folder = fs::absolute(output, error).parent_path();
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(folder.string(), " has ", space.available,
                   " bytes free, but the merged "
                   "checkpoint takes ",
                   bytes, "; name another place"));
}

std::string ShardName(size_t index, size_t count) {
  return count == 1 ? absl::StrCat(kStem, ".safetensors")
                    : absl::StrFormat("%s-%05d-of-%05d.safetensors", kStem,
                                      index + 1, count);
}

absl::Status WriteIndex(const std::string& folder,
                        const std::vector<Shard>& shards, uint64_t bytes) {
  nlohmann::ordered_json index = {{"metadata", {{"total_size", bytes}}}};
  std::map<std::string, std::string> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const TensorToWrite& tensor : shards[i]) {
      files[tensor.name] = ShardName(i, shards.size());
    }
  }
  index["weight_map"] = files;
  return WriteFileAtomically(
      absl::StrCat(folder, "/", kStem, ".safetensors.index.json"),
      index.dump(2) + "\n");
}

// The number of heads is no tensor's shape.
absl::Status CopyConfig(const std::string& base, const std::string& folder) {
  std::error_code error;
  fs::path from = base;
  if (!fs::is_directory(from, error)) from = from.parent_path();
  const absl::StatusOr<std::string> config =
      ReadFile((from / "config.json").string(), 1 << 20);
  if (absl::IsNotFound(config.status())) return absl::OkStatus();
  HP_RETURN_IF_ERROR(config.status());
  return WriteFileAtomically(folder + "/config.json", *config);
}

absl::Status WriteFolder(const Merge& merge, const MergeOptions& options,
                         uint64_t bytes, MergeResult* result) {
  std::error_code error;
  const std::string output = fs::path(options.output).lexically_normal();
  std::string name =
      absl::StrCat(absl::StripSuffix(output, "/"), ".tmp-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", name));
  }
  const UnfinishedFolder folder(name);
  fs::permissions(name, fs::perms(0755), error);
  const std::vector<Shard> shards = merge.Split(options.shard_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string file = ShardName(i, shards.size());
    HP_RETURN_IF_ERROR(merge.Write(absl::StrCat(name, "/", file), shards[i]));
    result->files.push_back((fs::path(output) / file).string());
    if (options.on_file) options.on_file(result->files.back());
  }
  if (shards.size() > 1) HP_RETURN_IF_ERROR(WriteIndex(name, shards, bytes));
  HP_RETURN_IF_ERROR(CopyConfig(options.base, name));
  return CommitDirectory(name, std::string(absl::StripSuffix(output, "/")));
}

// The inner loop runs along a row, so that the compiler vectorises it and each
// sum keeps the rank's order.
void AddRow(const LoraModule& lora, float factor, int64_t row, float* weight,
            std::vector<float>& sum) {
  const auto in = static_cast<size_t>(lora.in);
  std::fill(sum.begin(), sum.end(), 0.0f);
  for (int64_t r = 0; r < lora.rank; ++r) {
    const float b = lora.b[static_cast<size_t>(row * lora.rank + r)];
    const float* a = lora.a.data() + static_cast<size_t>(r) * in;
    for (size_t i = 0; i < in; ++i) sum[i] += b * a[i];
  }
  for (size_t i = 0; i < in; ++i) weight[i] += factor * sum[i];
}

}  // namespace

absl::StatusOr<MergeResult> WriteMergedCheckpoint(const LoraFile& lora,
                                                  const MergeOptions& options) {
  HP_RETURN_IF_ERROR(CheckMergedOutput(options));
  HP_ASSIGN_OR_RETURN(const WanCheckpoint checkpoint,
                      OpenWanCheckpoint(options.base));
  const ModelSpec& model_spec = checkpoint.variant.spec;
  HP_RETURN_IF_ERROR(CheckEveryModule(lora, AllLinearShapesOf(model_spec)));
  HP_RETURN_IF_ERROR(CheckEveryDifference(lora, WanTensors(model_spec)));
  const Merge merge(lora, options, checkpoint);
  HP_RETURN_IF_ERROR(merge.CheckDTypes());
  MergeResult result{.modules = lora.modules.size(),
                     .differences = lora.differences.size(),
                     .tensors = checkpoint.archive->tensors().size()};
  for (const auto& [name, tensor] : checkpoint.archive->tensors()) {
    result.bytes += tensor.bytes;
  }
  HP_RETURN_IF_ERROR(CheckRoom(options.output, result.bytes));
  if (IsOneFile(options.output)) {
    HP_RETURN_IF_ERROR(
        merge.Write(options.output, merge.Split(INT64_MAX).front()));
    result.files = {options.output};
    if (options.on_file) options.on_file(options.output);
  } else {
    HP_RETURN_IF_ERROR(WriteFolder(merge, options, result.bytes, &result));
  }
  return result;
}

void AddLoraRows(const LoraModule& lora, double strength, int64_t first_row,
                 int64_t rows, int threads, float* weight) {
  HP_CHECK(first_row >= 0 && rows >= 0 && first_row + rows <= lora.out);
  const auto factor = static_cast<float>(strength * lora.scale);
  const int64_t each = std::max<int64_t>(
      1, (rows + std::max(threads, 1) - 1) / std::max(threads, 1));
  std::vector<std::jthread> workers;
  for (int64_t begin = 0; begin < rows; begin += each) {
    workers.emplace_back([&, begin] {
      std::vector<float> sum(static_cast<size_t>(lora.in));
      for (int64_t row = begin; row < std::min(rows, begin + each); ++row) {
        AddRow(lora, factor, first_row + row, weight + row * lora.in, sum);
      }
    });
  }
}

}  // namespace halfpipe
