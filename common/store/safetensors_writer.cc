#include "common/store/safetensors_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/archive_contents.h"

namespace halfpipe {
namespace {

// The reference library sorts by its own list of element types, from the end:
// widest first, and among equal widths in this order.
constexpr std::array<DType, 12> kLayoutOrder = {
    DType::kI64,    DType::kF64, DType::kF32, DType::kI32,
    DType::kBF16,   DType::kF16, DType::kI16, DType::kF8E4M3,
    DType::kF8E5M2, DType::kI8,  DType::kU8,  DType::kBool,
};

size_t LayoutRank(DType dtype) {
  return static_cast<size_t>(
      std::find(kLayoutOrder.begin(), kLayoutOrder.end(), dtype) -
      kLayoutOrder.begin());
}

std::vector<const TensorToWrite*> InLayoutOrder(
    const std::vector<TensorToWrite>& tensors) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const TensorToWrite* a, const TensorToWrite* b) {
              return std::pair(LayoutRank(a->dtype), a->name) <
                     std::pair(LayoutRank(b->dtype), b->name);
            });
  return order;
}

// A JSON string literal; nullopt for bytes that are not UTF-8.
std::optional<std::string> Quoted(const std::string& text) {
  constexpr auto kIgnore = nlohmann::json::error_handler_t::ignore;
  nlohmann::json value = text;
  // Bytes that are not UTF-8 are dropped, so reading back gives another text.
  std::string kept = value.dump(-1, ' ', false, kIgnore);
  nlohmann::json back = nlohmann::json::parse(kept, nullptr, false);
  if (back.is_discarded() || back.get<std::string>() != text) {
    return std::nullopt;
  }
  return kept;
}

absl::Status BadName(const std::string& name, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot write a tensor named '", name, "': ", what));
}

struct Layout {
  std::vector<const TensorToWrite*> order;
  std::vector<uint64_t> bytes;  // of each tensor of `order`
  std::string header;           // with its length in front and its padding
  uint64_t total = 0;           // of the whole file
};

absl::StatusOr<std::string> MetadataJson(const TensorMetadata& metadata) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : metadata) {
    std::optional<std::string> quoted_key = Quoted(key);
    std::optional<std::string> quoted_value = Quoted(value);
    if (!quoted_key || !quoted_value) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata entry '", key, "' is not UTF-8"));
    }
    pairs.push_back(absl::StrCat(*quoted_key, ":", *quoted_value));
  }
  return absl::StrCat("\"__metadata__\":{", absl::StrJoin(pairs, ","), "}");
}

absl::StatusOr<std::string> TensorJson(const TensorToWrite& tensor,
                                       uint64_t begin, uint64_t end) {
  std::optional<std::string> name = Quoted(tensor.name);
  if (!name) return BadName(tensor.name, "the name is not UTF-8");
  return absl::StrCat(*name, ":{\"dtype\":\"", DTypeName(tensor.dtype),
                      "\",\"shape\":[", absl::StrJoin(tensor.shape, ","),
                      "],\"data_offsets\":[", begin, ",", end, "]}");
}

// 8 bytes of length, the JSON, spaces up to a multiple of 8.
std::string FrameHeader(std::string json) {
  json.append((8 - json.size() % 8) % 8, ' ');
  std::string framed;
  for (int shift = 0; shift < 64; shift += 8) {
    framed.push_back(static_cast<char>(json.size() >> shift & 0xff));
  }
  return framed + json;
}

absl::StatusOr<Layout> MakeLayout(const std::vector<TensorToWrite>& tensors,
                                  const TensorMetadata& metadata) {
  Layout layout;
  layout.order = InLayoutOrder(tensors);
  std::vector<std::string> items;
  if (!metadata.empty()) {
    HP_ASSIGN_OR_RETURN(std::string item, MetadataJson(metadata));
    items.push_back(std::move(item));
  }
  uint64_t end = 0;
  for (const TensorToWrite* tensor : layout.order) {
    std::optional<uint64_t> bytes =
        CheckedByteCount(tensor->shape, tensor->dtype);
    if (!bytes) return BadName(tensor->name, "its shape is not valid");
    if (tensor->name.empty() || tensor->name == "__metadata__") {
      return BadName(tensor->name, "the format reserves that name");
    }
    HP_ASSIGN_OR_RETURN(std::string item,
                        TensorJson(*tensor, end, end + *bytes));
    items.push_back(std::move(item));
    layout.bytes.push_back(*bytes);
    end += *bytes;
  }
  layout.header =
      FrameHeader(absl::StrCat("{", absl::StrJoin(items, ","), "}"));
  layout.total = layout.header.size() + end;
  return layout;
}

absl::Status CheckUnique(const std::vector<TensorToWrite>& tensors) {
  std::vector<absl::string_view> names;
  for (const TensorToWrite& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return absl::OkStatus();
  return BadName(std::string(*twice), "there are two of that name");
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              const std::vector<TensorToWrite>& tensors,
                              const TensorMetadata& metadata) {
  return StreamSafetensors(
      path, tensors, metadata,
      [](const TensorToWrite& tensor, const TensorSink& sink) {
        const auto count = static_cast<size_t>(ElementCount(tensor.shape));
        return sink(tensor.data, count * SizeOf(tensor.dtype));
      });
}

absl::Status StreamSafetensors(
    const std::string& path, const std::vector<TensorToWrite>& tensors,
    const TensorMetadata& metadata,
    const std::function<absl::Status(const TensorToWrite& tensor,
                                     const TensorSink& sink)>& produce) {
  absl::Status unique = CheckUnique(tensors);
  if (!unique.ok()) return Annotate(unique, path);
  absl::StatusOr<Layout> layout = MakeLayout(tensors, metadata);
  if (!layout.ok()) return Annotate(layout.status(), path);
  HP_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HP_RETURN_IF_ERROR(file.Append(layout->header.data(), layout->header.size()));
  for (size_t i = 0; i < layout->order.size(); ++i) {
    uint64_t written = 0;
    const TensorSink sink = [&](const void* data, size_t bytes) {
      written += bytes;
      return file.Append(data, bytes);
    };
    HP_RETURN_IF_ERROR(produce(*layout->order[i], sink));
    if (written != layout->bytes[i]) {
      return absl::InternalError(
          absl::StrCat(path, ": tensor '", layout->order[i]->name, "' got ",
                       written, " bytes instead of ", layout->bytes[i]));
    }
  }
  return file.Commit();
}

absl::StatusOr<uint64_t> SafetensorsSize(
    const std::vector<TensorToWrite>& tensors, const TensorMetadata& metadata) {
  HP_RETURN_IF_ERROR(CheckUnique(tensors));
  HP_ASSIGN_OR_RETURN(Layout layout, MakeLayout(tensors, metadata));
  return layout.total;
}

}  // namespace halfpipe
