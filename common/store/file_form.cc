#include "common/store/file_form.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLookedAt = 4096;

// How downloaders name a file that is not whole yet.
constexpr std::array<const char*, 8> kUnfinishedSuffixes = {
    ".incomplete", ".part",  ".partial", ".crdownload",
    ".download",   ".aria2", ".!ut",     ".filepart"};

// Where huggingface_hub keeps what it downloads into a folder, relative to it.
constexpr char kHubDownloads[] = ".cache/huggingface/download";

class Descriptor {
 public:
  // O_NONBLOCK: a named pipe is to be described, not waited for.
  explicit Descriptor(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string ReadPiece(int fd, uint64_t offset, size_t bytes) {
  std::string piece(bytes, '\0');
  const ssize_t got =
      pread(fd, piece.data(), bytes, static_cast<off_t>(offset));
  piece.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return piece;
}

bool IsZeros(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char byte) { return byte == '\0'; });
}

bool HasUnfinishedSuffix(absl::string_view name) {
  return std::any_of(
      kUnfinishedSuffixes.begin(), kUnfinishedSuffixes.end(),
      [&](const char* suffix) { return absl::EndsWith(name, suffix); });
}

// "X.incomplete" beside X, or in the folder that huggingface_hub loads into;
// empty: none.
std::string UnfinishedDownloadOf(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : kUnfinishedSuffixes) {
    std::string beside = path + suffix;
    if (fs::exists(beside, ignored)) return beside;
  }
  const fs::path place(path);
  const std::string name = place.filename().string();
  fs::directory_iterator it(place.parent_path() / kHubDownloads, ignored);
  const fs::directory_iterator end;
  for (; !ignored && it != end; it.increment(ignored)) {
    const std::string file = it->path().filename().string();
    if (!name.empty() && absl::StartsWith(file, name) &&
        absl::EndsWith(file, ".incomplete")) {
      return it->path().string();
    }
  }
  return "";
}

// Why a path may not be what it was meant to be.
std::string MissingText(const std::string& path) {
  const std::string unfinished = UnfinishedDownloadOf(path);
  if (!unfinished.empty()) {
    return absl::StrCat("is not there, but ", unfinished,
                        " is: its download has not ended; let it go on");
  }
  if (absl::StrContains(path, "/~") || absl::StartsWith(path, "~")) {
    return "does not exist: '~' is not expanded in a job file; write the whole "
           "path";
  }
  if (absl::StrContains(path, '$')) {
    return "does not exist: variables ('$') are not expanded in a job file; "
           "write the whole path";
  }
  fs::path above = fs::path(path).parent_path();
  std::error_code ignored;
  while (above.has_relative_path() && !fs::exists(above, ignored)) {
    above = above.parent_path();
  }
  if (above.empty() || above == fs::path(path).parent_path()) {
    return "does not exist: no such file or folder; check the path";
  }
  return absl::StrCat("does not exist: no such file or folder (there is ",
                      above.string(), "); check the path");
}

// What stands at a path that cannot be opened.
DescribedFile DescribeAbsent(const std::string& path, int error) {
  struct stat info {};

  if (error == ENOENT && lstat(path.c_str(), &info) == 0 &&
      S_ISLNK(info.st_mode)) {
    std::error_code ignored;
    return {
        FileForm::kDanglingLink,
        absl::StrCat("is a link to ", fs::read_symlink(path, ignored).string(),
                     ", which does not exist: download it again, or mend "
                     "the link")};
  }
  if (error == ENOENT || error == ENOTDIR) {
    return {FileForm::kMissing, MissingText(path)};
  }
  if (error == EACCES || error == EPERM) {
    return {FileForm::kUnreadable,
            "may not be read by this user (permission denied): give the user "
            "that runs the stages the right to read it and to enter its "
            "folders"};
  }
  if (error == ELOOP) {
    return {FileForm::kDanglingLink,
            "is a link that leads back to itself: download the file again, or "
            "mend the link"};
  }
  if (error == ENXIO) {
    return {FileForm::kSpecial, "is not a regular file; name a file"};
  }
  return {
      FileForm::kUnreadable,
      absl::StrCat("cannot be opened: ",
                   std::error_code(error, std::generic_category()).message())};
}

// A safetensors file: the length of its header, then the header's JSON.
bool IsSafetensors(absl::string_view head, uint64_t size) {
  if (head.size() < 9) return false;
  uint64_t length = 0;
  for (size_t i = 8; i > 0; --i) {
    length = length << 8 | static_cast<unsigned char>(head[i - 1]);
  }
  return head[8] == '{' && length < (uint64_t{1} << 32) && size > 8;
}

bool IsWebPage(absl::string_view head) {
  absl::ConsumePrefix(&head, "\xEF\xBB\xBF");
  const std::string start = absl::AsciiStrToLower(
      absl::StripLeadingAsciiWhitespace(head).substr(0, 64));
  return absl::StartsWith(start, "<!doctype") ||
         absl::StartsWith(start, "<html") || absl::StartsWith(start, "<head") ||
         absl::StartsWith(start, "<body") || absl::StartsWith(start, "<?xml") ||
         absl::StartsWith(start, "<error");
}

// Text that begins like JSON: what a service answers in place of a file.
bool IsJson(absl::string_view head) {
  absl::ConsumePrefix(&head, "\xEF\xBB\xBF");
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(head);
  return (absl::StartsWith(text, "{") || absl::StartsWith(text, "[")) &&
         std::all_of(head.begin(), head.end(), [](char byte) {
           return static_cast<unsigned char>(byte) >= 0x20 || byte == '\n' ||
                  byte == '\r' || byte == '\t';
         });
}

bool IsPacked(absl::string_view head) {
  using std::string_literals::operator""s;
  for (const std::string& mark :
       {"\x1F\x8B"s, "\xFD"s + "7zXZ\0"s, "\x28\xB5\x2F\xFD"s,
        "7z\xBC\xAF\x27\x1C"s, "Rar!\x1A\x07"s, "BZh"s}) {
    if (absl::StartsWith(head, mark)) return true;
  }
  return head.size() > 262 && head.substr(257, 5) == "ustar";
}

// JSON where another file should be: one that belongs beside it, by its name,
// or none at all.
std::string JsonText(absl::string_view path) {
  if (absl::EndsWith(path, ".json")) {
    return "is JSON text (settings, an index or a list of words), not the "
           "file that it lies beside; name that one";
  }
  return "is JSON text, not the file itself: perhaps what a service answered "
         "to its download; download it again";
}

// What its first bytes say.
DescribedFile DescribeContent(absl::string_view path, absl::string_view head,
                              uint64_t size) {
  // First: the bytes of its length may look like another form's mark.
  if (IsSafetensors(head, size)) {
    return {FileForm::kSafetensors, "is a safetensors file"};
  }
  if (absl::StartsWith(head, "version https://git-lfs") ||
      absl::StartsWith(head, "version https://hawser")) {
    return {FileForm::kLfsPointer,
            "is a Git LFS pointer, not the file itself; run `git lfs pull` "
            "there"};
  }
  if (IsWebPage(head)) {
    return {FileForm::kWebPage,
            "is a web page, not the file: the address was wrong or access was "
            "denied; download it again"};
  }
  if (absl::StartsWith(head, "GGUF")) {
    return {FileForm::kGguf,
            "is a GGUF file, whose forms of weights are not read; use the "
            "safetensors or .pth file that it was made from"};
  }
  if (absl::StartsWith(head, "PK\x03\x04")) {
    return {FileForm::kTorchZip, "is a file of torch.save, or another zip"};
  }
  if (head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return {FileForm::kTorchPickle, "is a pickle, as torch.save wrote it once"};
  }
  if (IsPacked(head)) {
    return {FileForm::kPacked, "is a packed archive: unpack it first"};
  }
  if (absl::StartsWith(head, "\x89HDF")) {
    return {FileForm::kHdf5,
            "is an HDF5 file, which is not read; use the safetensors or .pth "
            "file"};
  }
  if (IsJson(head)) {
    return {FileForm::kJson, JsonText(path)};
  }
  return {};
}

DescribedFile DescribeRegular(const std::string& path, int fd, uint64_t size) {
  if (size == 0) {
    return {FileForm::kEmpty, "is empty (0 bytes): download or copy it again"};
  }
  std::error_code ignored;
  if (HasUnfinishedSuffix(path)) {
    return {FileForm::kUnfinished,
            "is a download that has not ended, by its name; let it go on"};
  }
  if (fs::exists(path + ".aria2", ignored)) {
    return {FileForm::kUnfinished,
            "is not downloaded completely (there is an .aria2 file beside it): "
            "let aria2 finish it (aria2c -c)"};
  }
  const std::string head =
      ReadPiece(fd, 0, std::min<uint64_t>(size, kLookedAt));
  if (head.empty()) {
    return {FileForm::kUnreadable,
            "cannot be read: the disk or its connection fails"};
  }
  // No file of a model begins so; a download that reserved the room does.
  if (IsZeros(head) && IsZeros(ReadPiece(fd, size / 2, kLookedAt)) &&
      IsZeros(
          ReadPiece(fd, size > kLookedAt ? size - kLookedAt : 0, kLookedAt))) {
    return {FileForm::kZeros,
            "is all zeros: its download or copy reserved the space and never "
            "wrote the content; download or copy it again"};
  }
  return DescribeContent(path, head, size);
}

bool IsContent(FileForm form) {
  return form == FileForm::kSafetensors || form == FileForm::kTorchZip ||
         form == FileForm::kTorchPickle || form == FileForm::kOther;
}

// What to do about a file of one reader under another's name.
std::string MismatchText(const DescribedFile& found, FileForm expected) {
  if (expected == FileForm::kSafetensors &&
      (found.form == FileForm::kTorchZip ||
       found.form == FileForm::kTorchPickle)) {
    return absl::StrCat(found.text, ", not safetensors: rename it to .pth");
  }
  if (expected == FileForm::kTorchZip && found.form == FileForm::kSafetensors) {
    return absl::StrCat(found.text,
                        ", not one of torch.save: rename it to .safetensors");
  }
  return absl::StrCat(
      found.text, ", but its name has another ending: rename it to ",
      found.form == FileForm::kSafetensors ? ".safetensors" : ".pth");
}

absl::Status Refuse(const std::string& path, const DescribedFile& found,
                    absl::string_view text) {
  const std::string message = absl::StrCat(path, " ", text);
  if (found.form == FileForm::kMissing) return absl::NotFoundError(message);
  if (found.form == FileForm::kEmpty || found.form == FileForm::kZeros ||
      found.form == FileForm::kUnfinished) {
    return absl::DataLossError(message);
  }
  return absl::InvalidArgumentError(message);
}

}  // namespace

DescribedFile DescribeFile(const std::string& path) {
  const Descriptor file(path);
  if (file.get() < 0) return DescribeAbsent(path, errno);

  struct stat info {};

  if (fstat(file.get(), &info) != 0) return DescribeAbsent(path, errno);
  if (S_ISDIR(info.st_mode)) {
    return {FileForm::kFolder, "is a folder; name the file in it"};
  }
  if (!S_ISREG(info.st_mode)) {
    return {FileForm::kSpecial, "is not a regular file; name a file"};
  }
  return DescribeRegular(path, file.get(), static_cast<uint64_t>(info.st_size));
}

absl::Status CheckFileForm(const std::string& path, FileForm expected) {
  const DescribedFile found = DescribeFile(path);
  if (found.form == expected || found.form == FileForm::kOther) {
    return absl::OkStatus();
  }
  // Each reader knows its own older form.
  if (expected == FileForm::kTorchZip && found.form == FileForm::kTorchPickle) {
    return absl::OkStatus();
  }
  if (IsContent(found.form)) {
    return Refuse(path, found, MismatchText(found, expected));
  }
  return Refuse(path, found, found.text);
}

absl::Status CheckHasContent(const std::string& path) {
  const DescribedFile found = DescribeFile(path);
  switch (found.form) {
    case FileForm::kMissing:
    case FileForm::kDanglingLink:
    case FileForm::kUnreadable:
    case FileForm::kFolder:
    case FileForm::kSpecial:
    case FileForm::kEmpty:
    case FileForm::kZeros:
    case FileForm::kLfsPointer:
    case FileForm::kWebPage:
    case FileForm::kUnfinished:
      return Refuse(path, found, found.text);
    default:
      return absl::OkStatus();
  }
}

}  // namespace halfpipe
