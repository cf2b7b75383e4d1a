// What a file is by its first bytes, whatever its name says: the answer to
// "it cannot be read" for each file that a person names.
#ifndef HP_COMMON_STORE_FILE_FORM_H_
#define HP_COMMON_STORE_FILE_FORM_H_

#include <string>

#include "absl/status/status.h"

namespace halfpipe {

enum class FileForm {
  // Files with content.
  kSafetensors,
  kTorchZip,     // torch.save's zip, or another zip
  kTorchPickle,  // torch.save's form before the zip
  kOther,        // none that is known here
  // What is there in place of a file.
  kMissing,
  kDanglingLink,
  kUnreadable,
  kFolder,
  kSpecial,  // a pipe, a device, a socket
  // Files that came without their content, or another file's.
  kEmpty,
  kZeros,
  kLfsPointer,
  kWebPage,
  kJson,
  kGguf,
  kPacked,  // gzip, xz, zstd, 7z, rar, tar
  kHdf5,
  kUnfinished,  // a download that goes on, or was broken off
};

struct DescribedFile {
  FileForm form = FileForm::kOther;
  // What follows the path in a message, with what to do: "is empty: download
  // or copy it again". Empty for kOther.
  std::string text;
};

// Looks at the path, at the first and last 4 KiB behind it, and at what a
// download leaves beside it. Any thread; reads nothing else.
[[nodiscard]] DescribedFile DescribeFile(const std::string& path);

// OK when the file is of this form or of none that is known (then its reader
// finds what is wrong with it); with kOther, no form that is known will do.
// Else "PATH text": NotFound where there is nothing, DataLoss for a file that
// is empty, zeros or unfinished, InvalidArgument otherwise.
[[nodiscard]] absl::Status CheckFileForm(const std::string& path,
                                         FileForm expected);

// OK unless the file came without its content: missing, unreadable, empty,
// zeros, a pointer, a web page, unfinished. For files of any other kind, such
// as media. Codes of CheckFileForm.
[[nodiscard]] absl::Status CheckHasContent(const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_FILE_FORM_H_
