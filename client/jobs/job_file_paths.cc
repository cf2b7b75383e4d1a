#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/jobs/job_file.h"
#include "common/base/status.h"
#include "common/config/job_config.h"
#include "common/config/job_fields.h"
#include "common/config/schema.h"
#include "common/data/metadata.h"
#include "common/store/file_form.h"
#include "common/store/model_file_kind.h"

namespace halfpipe {
namespace {

// What can be read of the text, with absolute paths.
JobConfig ReadWhatIsThere(absl::string_view yaml, const std::string& base_dir,
                          KeyLines* lines) {
  JobConfig config;
  std::vector<Field> fields = JobFields(&config);
  ProblemList said_already("");
  *lines = ReadFields(yaml, fields, &said_already);
  ResolvePaths(base_dir, &config);
  return config;
}

struct FileProblem {
  absl::string_view key;  // a literal that the text begins with; "": of none
  std::string text;
};

// "job.yaml:4: " before a problem of a key.
std::string WithPlace(const FileProblem& problem, absl::string_view file_name,
                      const KeyLines& lines) {
  if (file_name.empty() || problem.key.empty()) return problem.text;
  return absl::StrCat(file_name, ":", LineOf(problem.key, lines), ": ",
                      problem.text);
}

bool IsMissing(const std::string& path) {
  std::error_code error;
  return !path.empty() && std::filesystem::status(path, error).type() ==
                              std::filesystem::file_type::not_found;
}

std::string MetadataPath(const DataConfig& data) {
  if (data.metadata.empty()) return "";
  return (std::filesystem::path(data.path) / data.metadata).string();
}

class NamedFiles {
 public:
  explicit NamedFiles(const JobConfig& config) : config_(config) {}

  std::vector<FileProblem> Problems() {
    const ModelConfig& model = config_.model;
    LookAt("model.dit", model.dit, ModelFileKind::kDit);
    LookAt("lora.init_from", config_.lora.init_from, ModelFileKind::kLora);
    if (!config_.data.is_random()) {
      LookAtTokenizer();
      LookAt("model.text_encoder", model.text_encoder,
             ModelFileKind::kTextEncoder);
      LookAt("model.vae", model.vae, ModelFileKind::kVae);
      LookAtData();
    }
    return std::move(problems_);
  }

 private:
  void Add(absl::string_view key, const absl::Status& status) {
    if (!status.ok()) problems_.push_back({key, std::string(status.message())});
  }

  void LookAt(absl::string_view key, const std::string& path,
              ModelFileKind kind) {
    if (path.empty()) return;
    const absl::Status opened = OpenModelPart(key, path, kind).status();
    Add(key, opened);
    if (opened.ok() && kind != ModelFileKind::kLora) {
      Add(key, CheckPartIsWhole(key, path));
    }
  }

  // What is in a folder, and its model, only a stage can look at.
  void LookAtTokenizer() {
    const std::string& path = config_.model.tokenizer;
    std::error_code ignored;
    if (path.empty() || std::filesystem::is_directory(path, ignored)) return;
    static constexpr char kKey[] = "model.tokenizer";
    Add(kKey, Annotate(CheckHasContent(path), kKey));
  }

  void LookAtData() {
    const DataConfig& data = config_.data;
    if (data.path.empty()) return;
    if (IsMissing(data.path)) {
      Add("data.path", Annotate(CheckHasContent(data.path), "data.path"));
      return;
    }
    if (const std::string metadata = MetadataPath(data); IsMissing(metadata)) {
      Add("data.metadata",
          Annotate(CheckHasContent(metadata), "data.metadata"));
      return;
    }
    std::vector<std::string> missing;
    const bool skip = data.on_bad_file == BadFilePolicy::kSkip;
    Add("", LoadSamplesWithContent({.root = data.path,
                                    .metadata = data.metadata,
                                    .missing = skip ? &missing : nullptr})
                .status());
  }

  const JobConfig& config_;
  std::vector<FileProblem> problems_;
};

}  // namespace

std::vector<std::string> ProblemsOfNamedFiles(absl::string_view yaml,
                                              const std::string& base_dir,
                                              absl::string_view file_name) {
  KeyLines lines;
  const JobConfig config = ReadWhatIsThere(yaml, base_dir, &lines);
  std::vector<std::string> problems;
  for (const FileProblem& problem : NamedFiles(config).Problems()) {
    problems.push_back(WithPlace(problem, file_name, lines));
  }
  return problems;
}

bool NamesMissingFiles(const JobConfig& config) {
  const ModelConfig& model = config.model;
  if (IsMissing(model.dit) || IsMissing(config.lora.init_from)) return true;
  if (config.data.is_random()) return false;
  return IsMissing(model.tokenizer) || IsMissing(model.text_encoder) ||
         IsMissing(model.vae) || IsMissing(config.data.path) ||
         IsMissing(MetadataPath(config.data));
}

}  // namespace halfpipe
