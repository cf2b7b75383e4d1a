#include "common/store/pth_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/file_form.h"
#include "common/store/restricted_unpickler.h"
#include "common/store/zip_reader.h"

namespace halfpipe {
namespace {

using Entries = std::map<std::string, ZipEntry>;

constexpr absl::string_view kPickleName = "/data.pkl";
constexpr uint64_t kMaxPickleBytes = uint64_t{1} << 26;
constexpr size_t kMostKeysNamed = 3;

absl::Status CheckIsZip(const RandomAccessFile& file) {
  char bytes[8] = {};
  HP_RETURN_IF_ERROR(
      file.ReadAt(0, std::min<uint64_t>(sizeof(bytes), file.size()), bytes));
  const absl::string_view head(bytes, sizeof(bytes));
  if (absl::StartsWith(head, "PK\x03\x04")) return absl::OkStatus();
  if (absl::StartsWith(head, "\x80")) {
    return absl::InvalidArgumentError(
        "it is in torch's old form without a zip, which is not read; re-save "
        "it with torch.save(torch.load(path), path, "
        "_use_new_zipfile_serialization=True), or convert it to safetensors");
  }
  return absl::InvalidArgumentError("it is not a file of torch.save");
}

// "archive" of "archive/data.pkl".
absl::StatusOr<std::string> FindRoot(const Entries& entries) {
  std::optional<std::string> root;
  for (const auto& [name, entry] : entries) {
    absl::string_view prefix = name;
    if (!absl::ConsumeSuffix(&prefix, kPickleName)) continue;
    if (root) return absl::InvalidArgumentError("it holds several data.pkl");
    root = std::string(prefix);
  }
  if (!root) {
    return absl::InvalidArgumentError(
        "it is a zip without a data.pkl, not a file of torch.save");
  }
  return *std::move(root);
}

absl::Status CheckByteOrder(const RandomAccessFile& file,
                            const Entries& entries, const std::string& root) {
  auto it = entries.find(root + "/byteorder");
  if (it == entries.end()) return absl::OkStatus();  // before torch 2.1
  HP_ASSIGN_OR_RETURN(
      std::string order,
      file.ReadStringAt(it->second.offset,
                        std::min<uint64_t>(it->second.bytes, 16)));
  if (absl::StripAsciiWhitespace(order) == "little") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its byte order is '", order,
                   "'; re-save it on a little-endian machine"));
}

absl::StatusOr<Pickle> ReadPickle(const RandomAccessFile& file,
                                  const ZipEntry& entry) {
  if (entry.bytes > kMaxPickleBytes) {
    return absl::InvalidArgumentError("its data.pkl is larger than 64 MiB");
  }
  HP_ASSIGN_OR_RETURN(std::string bytes,
                      file.ReadStringAt(entry.offset, entry.bytes));
  return Pickle::Parse(bytes);
}

// What a training state keeps its weights in is another dict in it.
absl::Status RefuseNested(const PickleDict& dict) {
  std::vector<std::string> names;
  for (const auto& [key, value] : dict.entries) {
    const auto* name = std::get_if<std::string>(&key->data);
    const auto* inner = std::get_if<PickleDict>(&value->data);
    // Its first entry tells: a file may name one dict without end.
    if (names.size() < kMostKeysNamed && name != nullptr && inner != nullptr &&
        !inner->entries.empty() &&
        std::holds_alternative<PickledTensor>(
            inner->entries.front().second->data)) {
      names.push_back(*name);
    }
  }
  if (names.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "its tensors are in its entr", names.size() == 1 ? "y '" : "ies '",
      absl::StrJoin(names, "', '"), "'; save the weights alone, ",
      "torch.save(torch.load(path)['", names.front(), "'], path)"));
}

// The dict that maps names to tensors.
absl::StatusOr<const PickleDict*> FindStateDict(const PickleValue& root) {
  const auto* dict = std::get_if<PickleDict>(&root.data);
  if (dict == nullptr) {
    return absl::InvalidArgumentError(
        "it does not hold a dict of tensors; save model.state_dict()");
  }
  if (dict->entries.size() == 1) {
    const auto& [key, value] = dict->entries.front();
    const auto* name = std::get_if<std::string>(&key->data);
    const auto* inner = std::get_if<PickleDict>(&value->data);
    const bool wraps =
        name != nullptr &&
        (*name == "state_dict" || *name == "module" || *name == "model_state");
    if (wraps && inner != nullptr) return inner;
  }
  HP_RETURN_IF_ERROR(RefuseNested(*dict));
  return dict;
}

bool IsPlain(const PickleValue& value) {
  return std::holds_alternative<std::monostate>(value.data) ||
         std::holds_alternative<bool>(value.data) ||
         std::holds_alternative<int64_t>(value.data) ||
         std::holds_alternative<double>(value.data) ||
         std::holds_alternative<std::string>(value.data);
}

// Row-major without gaps. Dimensions of size 1 may have any stride, and a
// tensor without elements any strides at all.
bool IsContiguous(const PickledTensor& tensor) {
  if (ElementCount(tensor.shape) == 0) return true;
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i > 0; --i) {
    const int64_t size = tensor.shape[i - 1];
    if (size != 1 && tensor.strides[i - 1] != expected) return false;
    expected *= size;  // bounded: the byte count was checked before
  }
  return true;
}

absl::StatusOr<ArchivedTensor> Locate(const PickledTensor& tensor,
                                      const Entries& entries,
                                      const std::string& root) {
  const PickledStorage& storage = tensor.storage;
  auto record = entries.find(absl::StrCat(root, "/data/", storage.key));
  if (record == entries.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("its storage data/", storage.key, " is not in the file"));
  }
  std::optional<uint64_t> bytes = CheckedByteCount(tensor.shape, storage.dtype);
  std::optional<uint64_t> skip =
      CheckedByteCount({tensor.offset}, storage.dtype);
  if (!bytes || !skip || *skip > record->second.bytes ||
      *bytes > record->second.bytes - *skip) {
    return absl::InvalidArgumentError(absl::StrCat(
        DTypeName(storage.dtype), " ", ShapeString(tensor.shape),
        " at element ", tensor.offset, " goes past its storage data/",
        storage.key, " of ", record->second.bytes, " bytes"));
  }
  if (!IsContiguous(tensor)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its strides ", ShapeString(tensor.strides),
        " are not contiguous for the shape ", ShapeString(tensor.shape),
        "; call .contiguous() on it before saving"));
  }
  return ArchivedTensor{storage.dtype, tensor.shape, "",
                        record->second.offset + *skip, *bytes};
}

absl::Status AddEntry(const PickleValue& key, const PickleValue& value,
                      const Entries& entries, const std::string& root,
                      ArchiveContents& contents) {
  const auto* name = std::get_if<std::string>(&key.data);
  if (name == nullptr) {
    return absl::InvalidArgumentError("a key of its dict is not a string");
  }
  if (IsPlain(value)) return absl::OkStatus();
  const auto* tensor = std::get_if<PickledTensor>(&value.data);
  if (tensor == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its entry '", *name,
        "' is neither a tensor nor a plain value; save only the weights, "
        "torch.save(model.state_dict(), path)"));
  }
  absl::StatusOr<ArchivedTensor> located = Locate(*tensor, entries, root);
  if (!located.ok()) {
    return Annotate(located.status(), absl::StrCat("tensor '", *name, "'"));
  }
  if (!contents.tensors.try_emplace(*name, *std::move(located)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", *name, "' is there twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ArchiveContents> ListZip(const RandomAccessFile& file) {
  HP_RETURN_IF_ERROR(CheckIsZip(file));
  HP_ASSIGN_OR_RETURN(Entries entries, ReadZipDirectory(file));
  HP_ASSIGN_OR_RETURN(std::string root, FindRoot(entries));
  HP_RETURN_IF_ERROR(CheckByteOrder(file, entries, root));
  HP_ASSIGN_OR_RETURN(
      Pickle pickle,
      ReadPickle(file, entries.at(absl::StrCat(root, kPickleName))));
  HP_ASSIGN_OR_RETURN(const PickleDict* state, FindStateDict(pickle.root()));
  ArchiveContents contents;
  for (const auto& [key, value] : state->entries) {
    HP_RETURN_IF_ERROR(AddEntry(*key, *value, entries, root, contents));
  }
  return contents;
}

}  // namespace

absl::StatusOr<ArchiveContents> ListPth(const std::string& path) {
  HP_RETURN_IF_ERROR(CheckFileForm(path, FileForm::kTorchZip));
  HP_ASSIGN_OR_RETURN(auto file, RandomAccessFile::Open(path));
  absl::StatusOr<ArchiveContents> contents = ListZip(*file);
  if (!contents.ok()) return Annotate(contents.status(), path);
  for (auto& [name, tensor] : contents->tensors) tensor.file = path;
  contents->files.push_back(std::move(file));
  return contents;
}

}  // namespace halfpipe
