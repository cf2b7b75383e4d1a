// The directory of a zip archive whose entries are stored uncompressed, as
// torch.save writes them. Read-only; zip64 included. Source: PKWARE's
// APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.14 to 4.3.16.
#ifndef HP_COMMON_STORE_ZIP_READER_H_
#define HP_COMMON_STORE_ZIP_READER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/store/random_access_file.h"

namespace halfpipe {

// One stored file: its bytes are [offset, offset + bytes) of the archive.
struct ZipEntry {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// Every entry by name, folders left out. Sizes and places are checked against
// the file; CRCs are not. InvalidArgument: no zip, a compressed or encrypted
// entry, a name given twice, several disks. DataLoss: cut short. The caller
// puts the path in front of the message.
[[nodiscard]] absl::StatusOr<std::map<std::string, ZipEntry>> ReadZipDirectory(
    const RandomAccessFile& file);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_ZIP_READER_H_
