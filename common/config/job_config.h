// The job file: one YAML document that says what is trained from what, how,
// and where the result goes. Plain values; everything that parses, checks,
// prints or documents them works from one table of fields (job_fields.cc), and
// docs/config.md is generated from it.
//
// Units: sizes of pictures in pixels, memory in bytes, durations in seconds.
#ifndef HP_COMMON_CONFIG_JOB_CONFIG_H_
#define HP_COMMON_CONFIG_JOB_CONFIG_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/config/lora_spec.h"
#include "common/pipeline/schedule.h"
#include "common/store/lora_names.h"

namespace halfpipe {

enum class OptimizerType { kAdamW };

enum class LrScheduleType { kConstant, kLinear, kCosine };

// The weight of a sample's loss as a function of its timestep.
enum class TimestepWeighting {
  kGaussian,  // DiffSynth's bell around t = 500: mean 1, 0 at pure noise
  kNone,      // 1 for every timestep
};

// What becomes of the activations that the backward pass needs.
enum class ActivationPolicy : uint8_t {
  kKeep,       // every group is kept
  kRecompute,  // only the block's input is kept
  kOffload,    // every group is offloaded
};

// A sample that cannot be read or decoded.
enum class BadFilePolicy { kStop, kSkip };

// Pictures for a model that continues a first frame.
enum class StillsPolicy { kRefuse, kTrain };

// A step whose loss or gradient is NaN or infinite.
enum class NonFinitePolicy {
  kStop,
  kSkip,      // the step changes nothing, and the next one follows
  kRollback,  // back to the last checkpoint, with half the learning rate
};

enum class DeviceType { kAuto, kCpu, kCuda };

enum class ComputeDType { kBf16, kFp32 };

// Random weights in place of files: no download, no disk. For `bench`.
struct RandomModelConfig {
  std::string variant;  // whose shapes; empty: weights come from files
  int64_t layers = 0;   // blocks; 0: as many as the variant has
  int64_t seed = 0;
};

struct ModelConfig {
  std::string variant = "auto";  // auto: from the weights' names and shapes
  std::string dit;               // a file or a folder
  std::string text_encoder;      // UMT5-XXL
  std::string tokenizer;         // its sentencepiece model, or the folder
  std::string vae;
  std::string clip;  // only for variants that take image features
  WeightForm weights = WeightForm::kBf16;
  RandomModelConfig random;

  [[nodiscard]] bool is_random() const { return !random.variant.empty(); }
};

// In it an alpha of 0 is the rank: ParseJobConfig sets it.
struct LoraConfig : LoraSpec {
  LoraConfig() { alpha = 0.0; }

  std::string init_from;  // a LoRA file to start from; empty: a fresh one
  bool partial = false;   // init_from may cover less, or hold more
};

// Made-up latents and contexts of the right shapes: no encoder runs.
struct RandomDataConfig {
  int64_t samples = 0;  // 0: data comes from files
};

struct DataConfig {
  static constexpr int64_t kMaxSide = 4096;
  static constexpr int64_t kMaxFrames = 1025;

  std::string path;       // the folder that media paths are relative to
  std::string metadata;   // relative to `path`; empty: found, else captions
  std::string cache_dir;  // empty: `path`/.halfpipe-cache
  // Both 0: from each clip, at most max_pixels, down to multiples of 16.
  int64_t height = 0;
  int64_t width = 0;
  int64_t max_pixels = 1048576;
  int64_t frames = 81;  // 4k+1; a shorter clip gives the most it can
  int64_t repeat = 1;   // times that an epoch holds each sample
  RandomDataConfig random;
  BadFilePolicy on_bad_file = BadFilePolicy::kStop;
  std::string alpha = "black";  // "black", "white", "#rrggbb" or "refuse"
  StillsPolicy stills = StillsPolicy::kRefuse;

  [[nodiscard]] bool is_random() const { return random.samples > 0; }

  // Where the cache lies.
  [[nodiscard]] std::string cache_folder() const {
    return cache_dir.empty() ? path + "/.halfpipe-cache" : cache_dir;
  }
};

struct OptimizerConfig {
  OptimizerType type = OptimizerType::kAdamW;
  double learning_rate = 1.0e-4;
  double weight_decay = 0.01;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1.0e-8;
};

struct LrScheduleConfig {
  LrScheduleType type = LrScheduleType::kConstant;
  int64_t warmup_steps = 0;  // linear from 0 to the learning rate
  double min_ratio = 0.0;    // where linear and cosine end, of the rate
};

// Which timesteps are trained: FlowMatchSchedule's.
struct TimestepConfig {
  // Fractions of the (shifted) timestep grid, 0 = pure noise: the high-noise
  // expert of I2V-A14B takes [0, 0.358).
  double min_boundary = 0.0;
  double max_boundary = 1.0;
  double shift = 5.0;
  TimestepWeighting weighting = TimestepWeighting::kGaussian;
};

struct TrainConfig {
  int64_t steps = 0;          // optimizer steps; required
  int64_t micro_batches = 1;  // samples a step
  OptimizerConfig optimizer;
  LrScheduleConfig lr_schedule;
  double max_grad_norm = 1.0;  // 0: no clipping (as DiffSynth)
  TimestepConfig timesteps;
  double caption_dropout = 0.0;  // chance that a sample's prompt is dropped
  int64_t seed = 0;
  bool deterministic = false;  // bit-identical on GPUs, at a cost in speed
  NonFinitePolicy on_nonfinite = NonFinitePolicy::kStop;
};

struct PipelineConfig {
  std::optional<int64_t> split_at;  // stage0's blocks; nullopt: auto
  pipeline::ScheduleName schedule = pipeline::ScheduleName::kOneFOneB;
  int64_t stages = 2;
  // Forwards of segment 0 and 1 before the first backward; nullopt: auto.
  std::optional<std::array<int64_t, 2>> warmup;
  std::optional<ActivationPolicy> memory;  // nullopt: auto
  int64_t gpu_memory_bytes = 0;            // a GPU; 0: what is free
  int64_t host_memory_bytes = 0;           // both stages together; 0: auto
  bool profile = false;  // time by kernel group in each step's report
  DeviceType device = DeviceType::kAuto;
  ComputeDType dtype = ComputeDType::kBf16;
  int64_t threads = 1;  // CPU threads a stage
};

// When a checkpoint is due: exactly one of the two is set.
struct SaveInterval {
  int64_t steps = 0;
  int64_t seconds = 1800;
};

struct OutputConfig {
  std::string dir;
  SaveInterval save_every;
  int64_t keep = 3;  // newest checkpoints that stay; 0: all
  std::vector<LoraFormat> formats = {LoraFormat::kDiffSynth,
                                     LoraFormat::kComfyUi};
};

// Samples that are held out of the training and evaluated now and then, each at
// fixed timesteps with fixed noise.
struct ValidationConfig {
  int64_t samples = 0;   // 0: no validation
  int64_t every = 100;   // optimizer steps; and after the last one
  int64_t bands = 5;     // equal parts of the trained timesteps
  int64_t patience = 0;  // validations without a better loss; 0: never stops
  int64_t seed = 0;      // chooses the samples and keys the noise

  [[nodiscard]] bool is_on() const { return samples > 0; }
};

struct JobConfig {
  std::string name;
  ModelConfig model;
  LoraConfig lora;
  DataConfig data;
  TrainConfig train;
  PipelineConfig pipeline;
  OutputConfig output;
  ValidationConfig validation;
};

// Parses and checks a job file's text; `file_name` is only for messages.
// Every problem is found in one call: InvalidArgument, whose message holds one
// line a problem, "file:line: key: what is wrong, what is allowed". Unknown
// keys are problems, with the nearest right key or the section that the key
// belongs to. No file named in the config is touched. Thread-safe.
[[nodiscard]] absl::StatusOr<JobConfig> ParseJobConfig(
    absl::string_view yaml, absl::string_view file_name);

// The checks between fields and of ranges, for a config that was not parsed
// (made by `bench`, say). The same lines without file and line.
[[nodiscard]] absl::Status ValidateJobConfig(const JobConfig& config);

// Makes every relative path absolute, `base_dir` being the job file's folder:
// a job may run in a process with another working directory.
void ResolvePaths(const std::string& base_dir, JobConfig* config);

// The whole config, defaults included, in the table's order: equal configs
// give equal text, and ParseJobConfig of it gives an equal config.
[[nodiscard]] std::string ToYaml(const JobConfig& config);

// SHA-256 (hex) over the fields that decide the resulting LoRA's bits on one
// kind of device. Not in it: names, paths (the content of files has digests of
// its own), the output, and what must not change a result: split, schedule,
// stages, warm-up and memory.
[[nodiscard]] std::string ConfigDigest(const JobConfig& config);

// docs/config.md: every key of the job file and of the service file.
[[nodiscard]] std::string ConfigReferenceMarkdown();

// data.alpha as a value: what becomes of transparent parts of a medium.
struct AlphaChoice {
  bool refuse = false;
  uint32_t background = 0;  // 0xRRGGBB, where they are not refused

  friend bool operator==(const AlphaChoice&, const AlphaChoice&) = default;
};

// "black", "white", "#rrggbb" (in any case) or "refuse"; nullopt for anything
// else.
[[nodiscard]] std::optional<AlphaChoice> ParseAlphaChoice(
    absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_JOB_CONFIG_H_
