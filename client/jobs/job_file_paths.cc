#include <filesystem>

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
JobConfig ReadWhatIsThere(absl::string_view yaml, const std::string& base_dir) {
  JobConfig config;
  std::vector<Field> fields = JobFields(&config);
  ProblemList said_already("");
  (void)ReadFields(yaml, fields, &said_already);
  ResolvePaths(base_dir, &config);
  return config;
}

class NamedFiles {
 public:
  explicit NamedFiles(const JobConfig& config) : config_(config) {}

  std::vector<std::string> Problems() {
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
  void Add(const absl::Status& status) {
    if (!status.ok()) problems_.emplace_back(status.message());
  }

  void LookAt(absl::string_view key, const std::string& path,
              ModelFileKind kind) {
    if (path.empty()) return;
    const absl::Status opened = OpenModelPart(key, path, kind).status();
    Add(opened);
    if (opened.ok() && kind != ModelFileKind::kLora) {
      Add(CheckPartIsWhole(key, path));
    }
  }

  // What is in a folder, and its model, only a stage can look at.
  void LookAtTokenizer() {
    const std::string& path = config_.model.tokenizer;
    std::error_code ignored;
    if (path.empty() || std::filesystem::is_directory(path, ignored)) return;
    Add(Annotate(CheckHasContent(path), "model.tokenizer"));
  }

  void LookAtData() {
    const DataConfig& data = config_.data;
    if (data.path.empty()) return;
    std::vector<std::string> missing;
    const bool skip = data.on_bad_file == BadFilePolicy::kSkip;
    Add(LoadSamplesWithContent({.root = data.path,
                                .metadata = data.metadata,
                                .missing = skip ? &missing : nullptr})
            .status());
  }

  const JobConfig& config_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> ProblemsOfNamedFiles(absl::string_view yaml,
                                              const std::string& base_dir) {
  const JobConfig config = ReadWhatIsThere(yaml, base_dir);
  return NamedFiles(config).Problems();
}

}  // namespace halfpipe
