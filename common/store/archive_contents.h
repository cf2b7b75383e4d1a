// What a reader of one checkpoint format finds in a file: every format comes
// down to named byte ranges of open files.
#ifndef HP_COMMON_STORE_ARCHIVE_CONTENTS_H_
#define HP_COMMON_STORE_ARCHIVE_CONTENTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/store/random_access_file.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// The tensors of one file or of several shards. A plain value; `files` holds
// each file that an ArchivedTensor::file names, once.
struct ArchiveContents {
  std::map<std::string, ArchivedTensor> tensors;
  std::map<std::string, std::string> metadata;
  std::vector<std::shared_ptr<const RandomAccessFile>> files;
};

// Moves the tensors, files and metadata of `from` into `into`; the first value
// of a metadata key stays. InvalidArgument when both hold a tensor of one
// name: it names the tensor and both files.
[[nodiscard]] absl::Status MergeContents(ArchiveContents from,
                                         ArchiveContents& into);

// ElementCount(shape) * SizeOf(dtype) for a shape nobody has checked yet:
// nullopt for a negative size or an overflow of int64.
[[nodiscard]] std::optional<uint64_t> CheckedByteCount(const Shape& shape,
                                                       DType dtype);

// Of names of files that come out of files: true for one that stays in its
// folder: not empty, no "/", no NUL, neither
// "." nor "..".
[[nodiscard]] bool IsPlainFileName(absl::string_view name);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_ARCHIVE_CONTENTS_H_
