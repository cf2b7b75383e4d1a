#include "common/store/archive_contents.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe {

absl::Status MergeContents(ArchiveContents from, ArchiveContents& into) {
  for (auto& [name, tensor] : from.tensors) {
    auto [it, inserted] = into.tensors.try_emplace(name, tensor);
    if (!inserted) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", name, "' is in ", it->second.file, " and in ",
          tensor.file,
          "; keep the files of one model in the folder, or add its index"));
    }
  }
  into.metadata.merge(from.metadata);
  for (auto& file : from.files) into.files.push_back(std::move(file));
  return absl::OkStatus();
}

std::optional<uint64_t> CheckedByteCount(const Shape& shape, DType dtype) {
  int64_t bytes = static_cast<int64_t>(SizeOf(dtype));
  for (int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) {
      return std::nullopt;
    }
  }
  return static_cast<uint64_t>(bytes);
}

bool IsPlainFileName(absl::string_view name) {
  constexpr absl::string_view kForbidden("/\0", 2);
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(kForbidden) == absl::string_view::npos;
}

}  // namespace halfpipe
