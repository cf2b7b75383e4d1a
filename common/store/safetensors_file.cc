#include "common/store/safetensors_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/file_form.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

using nlohmann::json;

// header -> tensor -> shape
constexpr int kHeaderDepth = 3;
constexpr uint64_t kLengthBytes = 8;

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::StatusOr<DType> ReadDType(const json& entry) {
  auto field = entry.find("dtype");
  if (field == entry.end() || !field->is_string()) {
    return Invalid("it has no \"dtype\" string");
  }
  const std::string& name = field->get_ref<const std::string&>();
  std::optional<DType> dtype = ParseDType(name);
  if (!dtype) {
    return Invalid(absl::StrCat("its dtype '", name,
                                "' is not supported; download the file in "
                                "bf16, fp16 or fp8"));
  }
  return *dtype;
}

absl::StatusOr<Shape> ReadSizes(const json& entry, const char* field_name) {
  auto field = entry.find(field_name);
  if (field == entry.end() || !field->is_array()) {
    return Invalid(absl::StrCat("it has no \"", field_name, "\" array"));
  }
  Shape sizes;
  for (const json& element : *field) {
    std::optional<int64_t> size = AsCount(element);
    if (!size) {
      return Invalid(absl::StrCat("its \"", field_name,
                                  "\" is not made of whole numbers"));
    }
    sizes.push_back(*size);
  }
  return sizes;
}

// `entry` is {"dtype", "shape", "data_offsets"}; offsets count from data_start.
absl::StatusOr<ArchivedTensor> ReadTensor(const json& entry,
                                          uint64_t data_start) {
  if (!entry.is_object() || entry.size() != 3) {
    return Invalid(
        "it is not an object of \"dtype\", \"shape\" and \"data_offsets\"");
  }
  ArchivedTensor tensor;
  HP_ASSIGN_OR_RETURN(tensor.dtype, ReadDType(entry));
  HP_ASSIGN_OR_RETURN(tensor.shape, ReadSizes(entry, "shape"));
  HP_ASSIGN_OR_RETURN(Shape offsets, ReadSizes(entry, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return Invalid("its \"data_offsets\" are not [begin, end]");
  }
  std::optional<uint64_t> bytes = CheckedByteCount(tensor.shape, tensor.dtype);
  if (!bytes) {
    return Invalid(
        absl::StrCat("its shape ", ShapeString(tensor.shape), " overflows"));
  }
  uint64_t begin = static_cast<uint64_t>(offsets[0]);
  tensor.bytes = static_cast<uint64_t>(offsets[1]) - begin;
  if (tensor.bytes != *bytes) {
    return Invalid(absl::StrCat("its data_offsets span ", tensor.bytes,
                                " bytes, but ", DTypeName(tensor.dtype), " ",
                                ShapeString(tensor.shape), " takes ", *bytes));
  }
  tensor.offset = data_start + begin;
  return tensor;
}

absl::Status ReadMetadata(const json& entry,
                          std::map<std::string, std::string>& metadata) {
  if (!entry.is_object()) return Invalid("__metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) {
      return Invalid(
          absl::StrCat("__metadata__ key '", key, "' is not a string"));
    }
    metadata[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

// The tensors must tile [data_start, file_bytes): no gap, no overlap, no rest.
absl::Status CheckTiling(const std::map<std::string, ArchivedTensor>& tensors,
                         uint64_t data_start, uint64_t file_bytes) {
  using Entry = std::pair<const std::string, ArchivedTensor>;
  std::vector<const Entry*> order;
  order.reserve(tensors.size());
  for (const Entry& entry : tensors) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->second.offset, a->second.bytes) <
           std::pair(b->second.offset, b->second.bytes);
  });
  uint64_t end = data_start;
  for (const Entry* entry : order) {
    if (entry->second.offset != end) {
      return Invalid(absl::StrCat(
          "tensor '", entry->first, "' begins at byte ", entry->second.offset,
          " of the file, but the one before it ends at ", end,
          entry->second.offset < end ? ": they overlap" : ": there is a gap"));
    }
    end += entry->second.bytes;
  }
  if (end > file_bytes) {
    return absl::DataLossError(absl::StrCat(
        "the header lists tensors up to byte ", end, ", but the file has only ",
        file_bytes, "; it is truncated: copy or download it again"));
  }
  if (end < file_bytes) {
    return Invalid(absl::StrCat("the file has ", file_bytes - end,
                                " bytes behind its last tensor"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ArchiveContents> ParseHeader(absl::string_view header,
                                            uint64_t file_bytes,
                                            const std::string& path) {
  HP_ASSIGN_OR_RETURN(json root, ParseStrictJson(header, kHeaderDepth));
  if (!root.is_object()) return Invalid("the header is not a JSON object");
  const uint64_t data_start = kLengthBytes + header.size();
  ArchiveContents contents;
  for (const auto& [name, entry] : root.items()) {
    if (name == "__metadata__") {
      HP_RETURN_IF_ERROR(ReadMetadata(entry, contents.metadata));
      continue;
    }
    absl::StatusOr<ArchivedTensor> tensor = ReadTensor(entry, data_start);
    if (!tensor.ok()) {
      return Annotate(tensor.status(), absl::StrCat("tensor '", name, "'"));
    }
    tensor->file = path;
    contents.tensors.emplace(name, *std::move(tensor));
  }
  HP_RETURN_IF_ERROR(CheckTiling(contents.tensors, data_start, file_bytes));
  return contents;
}

absl::StatusOr<std::string> ReadHeader(const RandomAccessFile& file) {
  unsigned char raw[kLengthBytes];
  HP_RETURN_IF_ERROR(file.ReadAt(0, kLengthBytes, raw));
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i > 0; --i) length = length << 8 | raw[i - 1];
  if (length > kMaxSafetensorsHeaderBytes) {
    return Invalid(absl::StrCat(
        file.path(), ": a header of ", length, " bytes is above the limit of ",
        kMaxSafetensorsHeaderBytes, "; this is no safetensors file"));
  }
  return file.ReadStringAt(kLengthBytes, length);
}

}  // namespace

absl::StatusOr<ArchiveContents> ParseSafetensorsHeader(
    absl::string_view header, uint64_t file_bytes, const std::string& path) {
  absl::StatusOr<ArchiveContents> contents =
      ParseHeader(header, file_bytes, path);
  if (!contents.ok()) return Annotate(contents.status(), path);
  return contents;
}

absl::StatusOr<ArchiveContents> ListSafetensors(const std::string& path) {
  HP_RETURN_IF_ERROR(CheckFileForm(path, FileForm::kSafetensors));
  HP_ASSIGN_OR_RETURN(auto file, RandomAccessFile::Open(path));
  HP_ASSIGN_OR_RETURN(std::string header, ReadHeader(*file));
  HP_ASSIGN_OR_RETURN(ArchiveContents contents,
                      ParseSafetensorsHeader(header, file->size(), path));
  contents.files.push_back(std::move(file));
  return contents;
}

}  // namespace halfpipe
