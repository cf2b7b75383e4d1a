#include "common/config/job_config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/config/job_fields.h"
#include "common/config/key_values.h"
#include "common/config/schema.h"
#include "common/model/model_spec.h"

namespace halfpipe {
namespace {

// The rules that involve more than one key.
class CrossChecks {
 public:
  CrossChecks(const JobConfig& config, const KeyLines& lines,
              ProblemList* problems)
      : config_(config), lines_(lines), problems_(problems) {}

  void Run() {
    if (config_.name.empty()) Add("name", "is empty: expected a name");
    if (config_.output.dir.empty()) Add("output.dir", "is empty");
    CheckModel();
    CheckShapes();
    CheckTrain();
  }

 private:
  void Add(const std::string& key, absl::string_view what) {
    problems_->Add(LineOf(key, lines_), key, what);
  }

  // `path` is needed unless `alternative` takes its place.
  void CheckSource(const std::string& key, const std::string& path,
                   bool replaced, absl::string_view alternative) {
    if (path.empty() && !replaced) {
      Add(key, absl::StrCat("is missing: expected a path, or ", alternative));
    } else if (!path.empty() && replaced) {
      Add(key, absl::StrCat("excludes ", alternative, ": remove one"));
    }
  }

  void CheckModel() {
    const ModelConfig& m = config_.model;
    CheckSource("model.dit", m.dit, m.is_random(), "model.random.variant");
    if (m.random.layers != 0 && !m.is_random()) {
      Add("model.random.layers", "needs model.random.variant");
    }
    if (m.is_random() && m.variant != "auto") {
      Add("model.variant", "excludes model.random.variant: remove one");
    }
    CheckSource("data.path", config_.data.path, config_.data.is_random(),
                "data.random.samples");
    if (config_.data.is_random()) return;
    const char* needed = "is missing: expected a path (needed to encode data)";
    if (m.text_encoder.empty()) Add("model.text_encoder", needed);
    if (m.tokenizer.empty()) Add("model.tokenizer", needed);
    if (m.vae.empty()) Add("model.vae", needed);
  }

  // What is out of its range has its problem already, and no neighbours.
  void CheckSide(const std::string& key, int64_t side) {
    if (side % 16 == 0 || side < 0 || side > DataConfig::kMaxSide) return;
    int64_t below = side - side % 16;
    Add(key, absl::StrCat("expected a multiple of 16, found ", side, " (",
                          below, " or ", below + 16, ")"));
  }

  void CheckShapes() {
    const DataConfig& d = config_.data;
    CheckSide("data.height", d.height);
    CheckSide("data.width", d.width);
    if ((d.height == 0) != (d.width == 0)) {
      Add(d.height == 0 ? "data.height" : "data.width",
          "is missing: give both height and width, or neither");
    }
    if (d.is_random() && d.height == 0) {
      Add("data.height", "is missing: made-up samples need height and width");
    }
    if (d.frames % kTemporalStride != 1 && d.frames > 0 &&
        d.frames <= DataConfig::kMaxFrames) {
      const int64_t below = ClipFrames(LatentFrames(d.frames));
      Add("data.frames",
          absl::StrCat("expected 4k+1, found ", d.frames, " (", below, " or ",
                       below + kTemporalStride, ")"));
    }
  }

  void CheckTrain() {
    const TrainConfig& t = config_.train;
    if (!(t.timesteps.min_boundary < t.timesteps.max_boundary)) {
      Add("train.timesteps.max_boundary",
          absl::StrCat("expected more than min_boundary (",
                       t.timesteps.min_boundary, "), found ",
                       t.timesteps.max_boundary));
    }
    if (t.lr_schedule.warmup_steps > t.steps) {
      Add("train.lr_schedule.warmup_steps",
          absl::StrCat("expected at most train.steps (", t.steps, "), found ",
                       t.lr_schedule.warmup_steps));
    }
    const PipelineConfig& p = config_.pipeline;
    if (p.warmup && (*p.warmup)[0] < (*p.warmup)[1]) {
      Add("pipeline.warmup",
          "expected the first number to be at least the second: segment 0 "
          "feeds segment 1");
    }
  }

  const JobConfig& config_;
  const KeyLines& lines_;
  ProblemList* problems_;
};

}  // namespace

absl::StatusOr<JobConfig> ParseJobConfig(absl::string_view yaml,
                                         absl::string_view file_name) {
  JobConfig config;
  std::vector<Field> fields = JobFields(&config);
  ProblemList problems(file_name);
  if (absl::StripAsciiWhitespace(yaml).empty()) {
    problems.Add(0, "", "is empty");
    return problems.ToStatus();
  }
  KeyLines lines = ReadFields(yaml, fields, &problems);
  // A file that is no mapping at all has that one problem, not thirty.
  if (!lines.empty()) {
    CheckFields(fields, lines, &problems);
    CrossChecks(config, lines, &problems).Run();
  }
  absl::Status status = problems.ToStatus();
  if (!status.ok()) return status;
  return WithResolvedAlpha(std::move(config));
}

absl::Status ValidateJobConfig(const JobConfig& config) {
  JobConfig copy = config;
  ProblemList problems("");
  CheckFields(JobFields(&copy), {}, &problems);
  CrossChecks(copy, {}, &problems).Run();
  return problems.ToStatus();
}

void ResolvePaths(const std::string& base_dir, JobConfig* config) {
  std::error_code ignored;  // then `base_dir` stays as it is
  std::filesystem::path base = std::filesystem::absolute(base_dir, ignored);
  for (Field& field : JobFields(config)) {
    std::string* path = field.value->path();
    if (path == nullptr || path->empty()) continue;
    *path = (base / *path).lexically_normal().string();
  }
}

std::string ToYaml(const JobConfig& config) {
  JobConfig copy = config;
  return WriteFields(JobFields(&copy));
}

std::string ConfigDigest(const JobConfig& config) {
  return Sha256Hex(DigestTextOf(config).WithSteps(config.train.steps));
}

std::optional<AlphaChoice> ParseAlphaChoice(absl::string_view text) {
  constexpr uint32_t kWhite = 0xFFFFFF;
  constexpr size_t kDigits = 6;
  if (text == "refuse") return AlphaChoice{.refuse = true};
  if (text == "black") return AlphaChoice{};
  if (text == "white") return AlphaChoice{.background = kWhite};
  if (text.size() != 1 + kDigits || text[0] != '#') return std::nullopt;
  const absl::string_view digits = text.substr(1);
  uint32_t colour = 0;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit) ||
      !absl::SimpleHexAtoi(digits, &colour)) {
    return std::nullopt;
  }
  return AlphaChoice{.background = colour};
}

}  // namespace halfpipe
