// What the coordinator asks of a stage and what the stage answers, as plain
// values. common/rpc turns them into protobuf messages; neither the model code
// nor the coordinator's core sees a message type.
//
// A stage dials in, registers, and then asks for one command after the other
// (long poll). Commands of one stage run strictly in order of `sequence`; each
// gets exactly one CommandResult. A command of an older epoch than the newest
// one the stage has seen is answered Aborted without being run.
#ifndef HP_COMMON_JOBS_STAGE_PROTOCOL_H_
#define HP_COMMON_JOBS_STAGE_PROTOCOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/base/digest.h"
#include "common/base/dtype.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/jobs/stage_progress.h"
#include "common/jobs/step_plan.h"
#include "common/model/model_spec.h"

namespace halfpipe {

struct LoadedJob;

// Of the commands and results below and their messages. Rises with every change
// that a stage or coordinator of the number before would read wrongly.
inline constexpr int32_t kStageProtocol = 2;

// What a stage says of itself when it registers.
struct StageInfo {
  int32_t protocol = kStageProtocol;
  std::string pair;  // the pair it belongs to: "default", "gpu01", ...
  Rank rank;
  uint64_t incarnation = 0;  // random, one a process run
  int64_t pid = 0;
  std::string host;
  std::string device;       // "cuda:0" or "cpu"
  std::string device_name;  // "NVIDIA H200", or the CPU's
  std::string gpu_uuid;     // empty on the CPU
  int64_t device_total_bytes = 0;
  int64_t device_free_bytes = 0;
  std::string version;  // of the program, which must be the coordinator's
  // What the GPU was measured to do: RatesText of common/plan/rates.h with
  // one device. Empty: not measured, and no memory plan is made.
  std::string device_rates;
  // Of the host, for every process (common/base/host_memory.h); 0: unknown.
  int64_t host_available_bytes = 0;
  // What heartbeats said since (StageHeartbeat); 0 in a registration.
  int64_t device_free_change_bytes = 0;
  // What decides the bits of a product on the CPU: see
  // common/base/cpu_arithmetic.h. Stages that say the same share bits.
  std::string arithmetic;
  // The job that the process holds, as when its coordinator was restarted;
  // null: none.
  std::shared_ptr<const LoadedJob> loaded = nullptr;
};

// One row of the data set. Media and prompt become cache files.
struct SampleRef {
  int64_t row = 0;              // line of the metadata file, for messages
  std::string media_path = {};  // absolute
  std::string prompt = {};
  std::string latents_path;  // cache file, present or to be written
  std::string context_path;
  bool cached = false;  // both files are there
};

// Reads the model's headers and the data set's metadata, hashes what is new,
// and lists every problem at once. Runs on rank 0 only.
struct ScanCommand {
  std::string config_yaml;  // resolved job config
};

// What of a data set was found in the cache. Of rows, not of files: a caption
// that two rows have counts twice.
struct CacheUse {
  int64_t latents_hits = 0;
  int64_t latents_misses = 0;
  int64_t context_hits = 0;
  int64_t context_misses = 0;
};

// Weights that were read for a command.
struct ModelLoad {
  std::string part;  // "dit", "text_encoder" or "vae"
  double seconds = 0.0;
  int64_t bytes = 0;  // of the files; 0: they were in memory already
};

struct ScanResult {
  std::string variant;  // ModelSpec::Description
  std::string model_digest = {};
  std::string init_digest = {};  // of lora.init_from; empty: a fresh LoRA
  std::string data_digest = {};  // over the samples' cache keys in order
  std::vector<SampleRef> samples = {};
  std::vector<std::string> warnings = {};
  // Native names of the base model's LoRA targets with their (out, in).
  int64_t lora_parameters = 0;
  // Over the wire, what plans depend on: width, heads, blocks, channels, and
  // whether there is an image branch.
  ModelSpec model = {};
  CacheUse cache = {};  // for the stage's own metrics: not sent
  // What is wrong with the job, a line each. Where this is not OK, only
  // `samples` beside it says something: those whose media can be looked at all
  // the same, so that everything is named at once.
  absl::Status problems = {};
};

// Encodes samples into the cache (captions first, then media). Both ranks get
// a share.
struct EncodeCommand {
  std::string config_yaml;
  std::vector<SampleRef> samples = {};
  // Only decodes the media and says what is wrong with them; writes nothing.
  bool inspect = false;
};

// A clip that can be used, and gives fewer frames than data.frames.
struct ShortClip {
  std::string media_path;
  int64_t frames = 0;  // that are trained
};

struct EncodeResult {
  int64_t encoded = 0;
  // Samples that could not be used, with the reason ("file: what").
  std::vector<std::string> rejected;
  // Which ones: their latents_path, in the order of `rejected`.
  std::vector<std::string> rejected_paths = {};
  std::vector<ShortClip> short_clips = {};
  // For the stage's own metrics, not sent: how many for each reason
  // ("unreadable", "too_short", "timeout"), and the encoders' loads.
  std::map<std::string, int64_t> rejected_by_reason = {};
  std::vector<ModelLoad> loads = {};
};

// Links between so many stages: link i joins rank i and the next one, which
// behind the last rank is rank 0; two stages have one link together.
[[nodiscard]] constexpr int32_t LinksBetween(int32_t stages) {
  return stages > 2 ? stages : stages - 1;
}

// Makes the links' rendezvous values (NCCL unique ids, or socket paths).
// Rank 0 only; the coordinator passes the result to all in StartCommand.
struct OpenLinkCommand {
  std::string kind;  // "nccl" | "local"
  int32_t links = 1;
};

struct OpenLinkResult {
  std::string rendezvous;                 // opaque bytes, of link 0
  std::vector<std::string> further = {};  // of link 1 and those behind it
};

// Loads the model part and joins the stages. With one stage, world is 1 and
// there is no link.
struct StartCommand {
  std::string job;
  std::string config_yaml;
  int32_t world = 2;
  // Blocks [0, split) are on rank 0, the others on those behind it
  // (pipeline::BlocksOfStages).
  int64_t split = 0;
  std::string link_kind;
  std::string rendezvous;                // OpenLinkResult's
  std::vector<SampleRef> first_samples;  // for shapes; one is enough
  // Action lists of all ranks as text, one action a word, and their hash.
  std::vector<std::string> schedule;
  std::string schedule_hash;
  std::string resume_from;  // committed checkpoint folder, or empty
  // What becomes of saved tensors: a text a rank, one plan a block of its part
  // (common/plan/activation_plan.h).
  std::vector<std::string> memory_plan = {};
  // Parts that the feed-forward layer's backward goes through its tokens in,
  // one number a rank: more parts need less memory.
  std::vector<int64_t> ffn_chunks = {};
  // Masters and moments of the optimizer are in host memory, and on the GPU
  // only while they are stepped.
  bool optimizer_on_host = false;
  // Above 0: all stages hold the job with so many optimizer steps in their
  // weights. They only join, and go on from there. Aborted where it
  // is not so: the job is to be started from its checkpoint.
  int64_t continue_at = 0;
  // What the coordinator multiplies learning rates with. A stage only keeps it
  // for its LoadedJob.
  double learning_rate_factor = 1.0;
  // Action lists of an evaluation; empty: the job has none.
  std::vector<std::string> evaluation_schedule = {};
  // OpenLinkResult's, of more than two stages.
  std::vector<std::string> further_rendezvous = {};
};

// A job that a stage holds between two steps.
struct LoadedJob {
  StartCommand start;      // what it was loaded by
  int64_t steps_done = 0;  // optimizer steps in its weights
};

// Whether a stage that was started by `a` needs nothing loaded for `b`.
[[nodiscard]] inline bool IsSameStart(const StartCommand& a,
                                      const StartCommand& b) {
  return a.job == b.job && a.config_yaml == b.config_yaml &&
         a.world == b.world && a.split == b.split &&
         a.schedule_hash == b.schedule_hash && a.memory_plan == b.memory_plan &&
         a.ffn_chunks == b.ffn_chunks &&
         a.optimizer_on_host == b.optimizer_on_host;
}

struct StartResult {
  std::string boundary_digest;  // must agree between the ranks
  double load_seconds = 0.0;
  int64_t device_bytes_in_use = 0;
  int64_t layers = 0;  // transformer blocks that this stage holds
  // For the stage's own metrics, not sent: bytes of the model's files that were
  // read; 0 where the weights were still in memory, nullopt where nothing had
  // to be loaded (continue_at).
  std::optional<int64_t> weight_bytes_read = {};
};

struct StepCommand {
  StepPlan plan;
};

struct StepResult {
  StepReport report;
};

// Writes this rank's shard of the state after `step` into `directory`, which
// exists and is temporary.
struct SaveCommand {
  Step step;
  std::string directory;
};

struct SaveResult {
  std::vector<FileEntry> files;
};

// Writes lora.<format>.safetensors from both shards in `directory`. Rank 0.
struct ExportCommand {
  std::string config_yaml;
  std::string directory;
  std::vector<std::string> formats;
  std::map<std::string, std::string> metadata;
};

struct ExportResult {
  std::vector<FileEntry> files;
};

// Ends the job on this stage: frees the link and the job's memory. The model's
// weights may stay for the next job on them, until something needs the room.
struct EndCommand {
  std::string reason;
};

struct EndResult {};

// Asks the process to exit with code 0.
struct ShutdownCommand {};

struct ShutdownResult {};

using CommandBody = std::variant<ScanCommand, EncodeCommand, OpenLinkCommand,
                                 StartCommand, StepCommand, SaveCommand,
                                 ExportCommand, EndCommand, ShutdownCommand>;
using ResultBody =
    std::variant<std::monostate, ScanResult, EncodeResult, OpenLinkResult,
                 StartResult, StepResult, SaveResult, ExportResult, EndResult,
                 ShutdownResult>;

struct StageCommand {
  int64_t sequence = 0;  // increases by one for a registration
  Epoch epoch;
  CommandBody body;
};

struct CommandResult {
  int64_t sequence = 0;
  Epoch epoch;
  absl::Status status;
  ResultBody body;  // the alternative of the command's type, when OK
};

// A line of a stage's log.
struct StageLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

// Sent every few seconds on a channel of its own, also while a command runs.
struct StageHeartbeat {
  Epoch epoch;
  int64_t sequence = 0;  // the command being run, or the last one
  Step step;
  int64_t action_index = -1;  // within the step's list; -1 outside a step
  StageProgress progress = {};
  std::string activity;  // for people: ProgressText of it
  int64_t device_bytes_in_use = 0;
  int64_t device_total_bytes = 0;
  // While no job is loaded, what the next one finds; the last of it goes on to
  // be told while one is.
  int64_t device_free_change_bytes = 0;  // since the registration
  int64_t host_available_bytes = 0;      // 0: not known
  // Logged since the last heartbeat that was answered.
  std::vector<StageLine> lines = {};
};

// What a heartbeat says of free memory is what its stage offers from then on.
inline void TakeFreeMemory(const StageHeartbeat& heartbeat, StageInfo* info) {
  if (heartbeat.host_available_bytes <= 0) return;  // it does not say
  info->host_available_bytes = heartbeat.host_available_bytes;
  info->device_free_change_bytes = heartbeat.device_free_change_bytes;
}

// The coordinator's answer to a heartbeat.
struct HeartbeatReply {
  // The running command is to be abandoned at the next action boundary.
  bool abandon = false;
  Epoch epoch;  // commands of older epochs are void
  // The command of this heartbeat stands still, and was given up: a process
  // that cannot end it in a few seconds ends itself.
  bool stuck = false;
};

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_STAGE_PROTOCOL_H_
