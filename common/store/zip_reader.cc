#include "common/store/zip_reader.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Sizes of the fixed parts and marks of each record.
constexpr size_t kEndBytes = 22;
constexpr uint32_t kEndMark = 0x06054b50;
constexpr size_t kLocatorBytes = 20;
constexpr uint32_t kLocatorMark = 0x07064b50;
constexpr size_t kEnd64Bytes = 56;
constexpr uint32_t kEnd64Mark = 0x06064b50;
constexpr size_t kEntryBytes = 46;
constexpr uint32_t kEntryMark = 0x02014b50;
constexpr size_t kLocalBytes = 30;
constexpr uint32_t kLocalMark = 0x04034b50;

constexpr size_t kMaxCommentBytes = 0xffff;
constexpr uint64_t kMaxDirectoryBytes = uint64_t{1} << 26;
constexpr uint32_t kIn64 = 0xffffffff;  // "see the zip64 field"
constexpr uint16_t kZip64Field = 1;
constexpr uint16_t kEncryptedFlag = 1;

// A little-endian number of `size` bytes at `at`, which is inside `bytes`.
uint64_t Number(absl::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

struct Directory {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t entries = 0;
};

absl::StatusOr<Directory> ReadEnd64(const RandomAccessFile& file,
                                    uint64_t end_offset) {
  if (end_offset < kLocatorBytes) {
    return absl::InvalidArgumentError("no zip64 locator");
  }
  char locator_bytes[kLocatorBytes];
  HP_RETURN_IF_ERROR(
      file.ReadAt(end_offset - kLocatorBytes, kLocatorBytes, locator_bytes));
  const absl::string_view locator(locator_bytes, kLocatorBytes);
  if (Number(locator, 0, 4) != kLocatorMark) {
    return absl::InvalidArgumentError("the zip64 locator is missing");
  }
  char end_bytes[kEnd64Bytes];
  HP_RETURN_IF_ERROR(
      file.ReadAt(Number(locator, 8, 8), kEnd64Bytes, end_bytes));
  const absl::string_view end(end_bytes, kEnd64Bytes);
  if (Number(end, 0, 4) != kEnd64Mark) {
    return absl::InvalidArgumentError("the zip64 end record is missing");
  }
  return Directory{Number(end, 48, 8), Number(end, 40, 8), Number(end, 32, 8)};
}

absl::StatusOr<Directory> FindDirectory(const RandomAccessFile& file) {
  const uint64_t tail_bytes =
      std::min<uint64_t>(file.size(), kEndBytes + kMaxCommentBytes);
  const uint64_t tail_offset = file.size() - tail_bytes;
  HP_ASSIGN_OR_RETURN(std::string tail,
                      file.ReadStringAt(tail_offset, tail_bytes));
  // Backwards: the record is last but for a comment.
  for (size_t at = tail.size() + 1; at-- > kEndBytes;) {
    const size_t begin = at - kEndBytes;
    if (Number(tail, begin, 4) != kEndMark) continue;
    if (begin + kEndBytes + Number(tail, begin + 20, 2) != tail.size()) {
      continue;
    }
    if (Number(tail, begin + 4, 2) != 0 &&
        Number(tail, begin + 4, 2) != 0xffff) {
      return absl::InvalidArgumentError("it spans several disks");
    }
    Directory directory{Number(tail, begin + 16, 4),
                        Number(tail, begin + 12, 4),
                        Number(tail, begin + 10, 2)};
    if (directory.offset == kIn64 || directory.bytes == kIn64 ||
        directory.entries == 0xffff) {
      return ReadEnd64(file, tail_offset + begin);
    }
    return directory;
  }
  return absl::DataLossError(
      "it has no zip end record; it is truncated, or no zip: copy or download "
      "it again");
}

// One record of the central directory.
struct Record {
  std::string name;
  uint64_t stored = 0;
  uint64_t bytes = 0;
  uint64_t local_offset = 0;
};

// Replaces the numbers that did not fit 32 bits, in the order of 4.5.3.
absl::Status ApplyZip64(absl::string_view extra, Record& record) {
  while (extra.size() >= 4) {
    const uint64_t id = Number(extra, 0, 2);
    const size_t length = Number(extra, 2, 2);
    if (length > extra.size() - 4) break;
    absl::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + length);
    if (id != kZip64Field) continue;
    for (uint64_t* number :
         {&record.bytes, &record.stored, &record.local_offset}) {
      if (*number != kIn64) continue;
      if (field.size() < 8) {
        return absl::InvalidArgumentError("a zip64 field is too short");
      }
      *number = Number(field, 0, 8);
      field.remove_prefix(8);
    }
  }
  return absl::OkStatus();
}

// Takes the next record off `rest`.
absl::StatusOr<Record> NextRecord(absl::string_view& rest) {
  if (rest.size() < kEntryBytes || Number(rest, 0, 4) != kEntryMark) {
    return absl::InvalidArgumentError("the zip directory is damaged");
  }
  const size_t name_bytes = Number(rest, 28, 2);
  const size_t extra_bytes = Number(rest, 30, 2);
  const size_t comment_bytes = Number(rest, 32, 2);
  const size_t total = kEntryBytes + name_bytes + extra_bytes + comment_bytes;
  if (rest.size() < total) {
    return absl::InvalidArgumentError("the zip directory is cut off");
  }
  Record record{std::string(rest.substr(kEntryBytes, name_bytes)),
                Number(rest, 20, 4), Number(rest, 24, 4), Number(rest, 42, 4)};
  const bool encrypted = (Number(rest, 8, 2) & kEncryptedFlag) != 0;
  const bool compressed = Number(rest, 10, 2) != 0;
  absl::string_view extra = rest.substr(kEntryBytes + name_bytes, extra_bytes);
  HP_RETURN_IF_ERROR(ApplyZip64(extra, record));
  rest.remove_prefix(total);
  if (encrypted || compressed || record.stored != record.bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the entry '", record.name,
                     "' is compressed or encrypted; torch.save stores "
                     "its entries plainly: save the file again with it"));
  }
  return record;
}

// The local header repeats the name and may have its own extra field, so only
// it says where the bytes begin.
absl::StatusOr<ZipEntry> LocateEntry(const RandomAccessFile& file,
                                     const Record& record) {
  char local_bytes[kLocalBytes];
  HP_RETURN_IF_ERROR(
      file.ReadAt(record.local_offset, kLocalBytes, local_bytes));
  const absl::string_view local(local_bytes, kLocalBytes);
  if (Number(local, 0, 4) != kLocalMark) {
    return absl::InvalidArgumentError(
        absl::StrCat("the entry '", record.name, "' has no local header"));
  }
  ZipEntry entry{record.local_offset + kLocalBytes + Number(local, 26, 2) +
                     Number(local, 28, 2),
                 record.bytes};
  if (entry.offset > file.size() || entry.bytes > file.size() - entry.offset) {
    return absl::DataLossError(
        absl::StrCat("the entry '", record.name, "' of ", entry.bytes,
                     " bytes goes past the end of the file"));
  }
  return entry;
}

}  // namespace

absl::StatusOr<std::map<std::string, ZipEntry>> ReadZipDirectory(
    const RandomAccessFile& file) {
  HP_ASSIGN_OR_RETURN(Directory directory, FindDirectory(file));
  if (directory.bytes > kMaxDirectoryBytes) {
    return absl::InvalidArgumentError(
        "the zip directory is larger than 64 MiB");
  }
  HP_ASSIGN_OR_RETURN(std::string bytes,
                      file.ReadStringAt(directory.offset, directory.bytes));
  absl::string_view rest = bytes;
  std::map<std::string, ZipEntry> entries;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    HP_ASSIGN_OR_RETURN(Record record, NextRecord(rest));
    if (absl::EndsWith(record.name, "/")) continue;
    HP_ASSIGN_OR_RETURN(ZipEntry entry, LocateEntry(file, record));
    if (!entries.try_emplace(record.name, entry).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the entry '", record.name, "' is there twice"));
    }
  }
  return entries;
}

}  // namespace halfpipe
