#include "common/store/checkpoint_manifest.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/for_each.h"
#include "common/base/status.h"
#include "common/store/archive_contents.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

using nlohmann::json;

constexpr int kSchema = 1;
constexpr int kManifestDepth = 3;  // manifest, files, entry
constexpr uint64_t kMaxManifestBytes = 16 << 20;

absl::Status BadField(absl::string_view name, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("the field \"", name, "\" is missing or not ", expected));
}

// The fields of one JSON object, each to be taken once.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  absl::StatusOr<int64_t> Count(
      const char* name, int64_t max = std::numeric_limits<int64_t>::max()) {
    const json* field = Take(name);
    std::optional<int64_t> count =
        field == nullptr ? std::nullopt : AsCount(*field);
    if (!count || *count > max) return BadField(name, "a whole number");
    return *count;
  }

  absl::StatusOr<int> SmallCount(const char* name) {
    HP_ASSIGN_OR_RETURN(int64_t count,
                        Count(name, std::numeric_limits<int>::max()));
    return static_cast<int>(count);
  }

  absl::StatusOr<std::string> Text(const char* name) {
    const json* field = Take(name);
    if (field == nullptr || !field->is_string()) {
      return BadField(name, "a string");
    }
    return field->get<std::string>();
  }

  // A number above 0 and at most 1; `missing` where there is no such field.
  absl::StatusOr<double> FactorOr(const char* name, double missing) {
    const json* field = Take(name);
    if (field == nullptr) return missing;
    if (!field->is_number() || !(field->get<double>() > 0.0) ||
        field->get<double>() > 1.0) {
      return BadField(name, "a number above 0 and at most 1");
    }
    return field->get<double>();
  }

  // "" where there is no such field.
  absl::StatusOr<std::string> TextOr(const char* name) {
    const json* field = Take(name);
    if (field == nullptr) return "";
    if (!field->is_string()) return BadField(name, "a string");
    return field->get<std::string>();
  }

  // Empty where there is no such field.
  absl::StatusOr<std::map<std::string, std::string>> TextsOr(const char* name) {
    std::map<std::string, std::string> texts;
    const json* field = Take(name);
    if (field == nullptr) return texts;
    if (!field->is_object()) return BadField(name, "an object");
    for (const auto& [key, value] : field->items()) {
      if (!value.is_string()) return BadField(name, "an object of strings");
      texts.emplace(key, value.get<std::string>());
    }
    return texts;
  }

  absl::StatusOr<const json*> Array(const char* name) {
    const json* field = Take(name);
    if (field == nullptr || !field->is_array()) {
      return BadField(name, "an array");
    }
    return field;
  }

  absl::StatusOr<double> Number(const char* name) {
    const json* field = Take(name);
    if (field == nullptr || !field->is_number()) {
      return BadField(name, "a number");
    }
    return field->get<double>();
  }

  // nullptr where there is no such field.
  const json* Optional(const char* name) { return Take(name); }

  absl::Status CheckNoneLeft() const {
    for (const auto& [name, value] : object_.items()) {
      if (taken_.contains(name)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("the field \"", name, "\" is unknown"));
    }
    return absl::OkStatus();
  }

 private:
  const json* Take(const char* name) {
    taken_.insert(name);
    auto it = object_.find(name);
    return it == object_.end() ? nullptr : &*it;
  }

  const json& object_;
  std::set<std::string> taken_;
};

bool IsSha256(absl::string_view digest) {
  for (char c : digest) {
    if (!absl::ascii_isdigit(c) && !(c >= 'a' && c <= 'f')) return false;
  }
  return digest.size() == 64;
}

absl::StatusOr<FileEntry> EntryFrom(const json& value) {
  if (!value.is_object()) return BadField("files", "an array of objects");
  Fields fields(value);
  FileEntry entry;
  HP_ASSIGN_OR_RETURN(entry.name, fields.Text("name"));
  HP_ASSIGN_OR_RETURN(entry.bytes, fields.Count("bytes"));
  HP_ASSIGN_OR_RETURN(entry.sha256, fields.Text("sha256"));
  HP_RETURN_IF_ERROR(fields.CheckNoneLeft());
  if (!IsPlainFileName(entry.name) || entry.name == kManifestName) {
    return BadField("name", "a file name without a folder");
  }
  if (!IsSha256(entry.sha256)) return BadField("sha256", "64 hex digits");
  return entry;
}

absl::StatusOr<std::vector<FileEntry>> EntriesFrom(const json& array) {
  std::vector<FileEntry> entries;
  std::set<std::string> names;
  for (const json& value : array) {
    absl::StatusOr<FileEntry> entry = EntryFrom(value);
    if (!entry.ok()) {
      return Annotate(entry.status(),
                      absl::StrCat("files[", entries.size(), "]"));
    }
    if (!names.insert(entry->name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the file '", entry->name, "' is listed twice"));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

absl::StatusOr<ValidationRecord> RecordFrom(const json* value) {
  ValidationRecord record;
  if (value == nullptr) return record;
  if (!value->is_object()) return BadField("validation", "an object");
  Fields fields(*value);
  HP_ASSIGN_OR_RETURN(record.steps, fields.Count("steps"));
  HP_ASSIGN_OR_RETURN(record.best_steps, fields.Count("best_steps"));
  HP_ASSIGN_OR_RETURN(record.best_loss, fields.Number("best_loss"));
  HP_ASSIGN_OR_RETURN(record.without_better, fields.Count("without_better"));
  HP_RETURN_IF_ERROR(fields.CheckNoneLeft());
  return record;
}

absl::Status CheckFile(const std::string& folder, const FileEntry& expected) {
  absl::StatusOr<FileEntry> found = DescribeFile(folder, expected.name);
  if (absl::IsNotFound(found.status())) {
    return absl::DataLossError(absl::StrCat(folder, " lacks '", expected.name,
                                            "', which its manifest lists"));
  }
  if (!found.ok()) return found.status();
  if (*found == expected) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(folder, "/", expected.name, " is damaged: ", found->bytes,
                   " bytes with SHA-256 ", found->sha256,
                   ", the manifest says ", expected.bytes, " and ",
                   expected.sha256, "; resume from an older checkpoint"));
}

}  // namespace

std::string ToJson(const CheckpointManifest& manifest) {
  json files = json::array();
  for (const FileEntry& entry : manifest.files) {
    files.push_back({HP_MEMBERS(entry, name, bytes, sha256)});
  }
  json root = {{"schema", kSchema},
               HP_MEMBERS(manifest, step, config_digest, data_digest,
                          data_cursor, threads, split, stages),
               {"files", std::move(files)}};
  if (manifest.learning_rate_factor != 1.0) {
    root["learning_rate_factor"] = manifest.learning_rate_factor;
  }
  if (manifest.validation.steps != 0) {
    const ValidationRecord& record = manifest.validation;
    root["validation"] = {
        HP_MEMBERS(record, steps, best_steps, best_loss, without_better)};
  }
  if (manifest.has_record()) {
    root["config"] = manifest.config;
    root["model_digest"] = manifest.model_digest;
    root["init_digest"] = manifest.init_digest;
    root["device"] = manifest.device;
    root["arithmetic"] = manifest.arithmetic;
  }
  return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<CheckpointManifest> ManifestFromJson(absl::string_view text) {
  HP_ASSIGN_OR_RETURN(json root, ParseStrictJson(text, kManifestDepth));
  if (!root.is_object()) {
    return absl::InvalidArgumentError("the manifest is not a JSON object");
  }
  Fields fields(root);
  HP_ASSIGN_OR_RETURN(int schema, fields.SmallCount("schema"));
  if (schema != kSchema) {
    return absl::InvalidArgumentError(
        absl::StrCat("the manifest has schema ", schema, ", but this version ",
                     "reads only ", kSchema));
  }
  CheckpointManifest manifest;
  HP_ASSIGN_OR_RETURN(manifest.step, fields.Count("step"));
  HP_ASSIGN_OR_RETURN(manifest.config_digest, fields.Text("config_digest"));
  HP_ASSIGN_OR_RETURN(manifest.data_digest, fields.Text("data_digest"));
  HP_ASSIGN_OR_RETURN(manifest.data_cursor, fields.Count("data_cursor"));
  HP_ASSIGN_OR_RETURN(manifest.threads, fields.SmallCount("threads"));
  HP_ASSIGN_OR_RETURN(manifest.split, fields.SmallCount("split"));
  HP_ASSIGN_OR_RETURN(manifest.stages, fields.SmallCount("stages"));
  HP_ASSIGN_OR_RETURN(const json* files, fields.Array("files"));
  HP_ASSIGN_OR_RETURN(manifest.files, EntriesFrom(*files));
  HP_ASSIGN_OR_RETURN(manifest.learning_rate_factor,
                      fields.FactorOr("learning_rate_factor", 1.0));
  HP_ASSIGN_OR_RETURN(manifest.validation,
                      RecordFrom(fields.Optional("validation")));
  HP_ASSIGN_OR_RETURN(manifest.config, fields.TextsOr("config"));
  HP_ASSIGN_OR_RETURN(manifest.model_digest, fields.TextOr("model_digest"));
  HP_ASSIGN_OR_RETURN(manifest.init_digest, fields.TextOr("init_digest"));
  HP_ASSIGN_OR_RETURN(manifest.device, fields.TextOr("device"));
  HP_ASSIGN_OR_RETURN(manifest.arithmetic, fields.TextOr("arithmetic"));
  HP_RETURN_IF_ERROR(fields.CheckNoneLeft());
  return manifest;
}

absl::StatusOr<FileEntry> DescribeFile(const std::string& folder,
                                       const std::string& name) {
  const std::string path = absl::StrCat(folder, "/", name);
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return SystemErrnoStatus(error.value(), path);
  HP_ASSIGN_OR_RETURN(std::string digest, Sha256OfFile(path));
  return FileEntry{name, static_cast<int64_t>(bytes), std::move(digest)};
}

absl::Status WriteManifest(const std::string& folder,
                           const CheckpointManifest& manifest) {
  const std::string text = ToJson(manifest);
  absl::StatusOr<CheckpointManifest> readable = ManifestFromJson(text);
  if (!readable.ok()) {
    return Annotate(readable.status(),
                    absl::StrCat("cannot write the manifest of ", folder));
  }
  return WriteFileAtomically(absl::StrCat(folder, "/", kManifestName), text);
}

absl::StatusOr<CheckpointManifest> ReadManifest(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kManifestName);
  HP_ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxManifestBytes));
  absl::StatusOr<CheckpointManifest> manifest = ManifestFromJson(text);
  if (!manifest.ok()) return Annotate(manifest.status(), path);
  return manifest;
}

absl::StatusOr<CheckpointManifest> VerifyCheckpoint(const std::string& folder) {
  HP_ASSIGN_OR_RETURN(CheckpointManifest manifest, ReadManifest(folder));
  for (const FileEntry& entry : manifest.files) {
    HP_RETURN_IF_ERROR(CheckFile(folder, entry));
  }
  return manifest;
}

}  // namespace halfpipe
