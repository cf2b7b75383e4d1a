#include "client/demo/demo_folder.h"

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/demo/demo_clips.h"
#include "client/demo/demo_model.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// By its first line a demo's folder is known.
constexpr absl::string_view kFirstLine = "# Written by halfpipe demo.";

// Its paths start from its folder, so that the folder can be moved.
constexpr absl::string_view kJob = R"(
name: demo
model:
  dit: model/dit
  text_encoder: model/models_t5_umt5.safetensors
  tokenizer: model/google/umt5-xxl
  vae: model/Wan2.1_VAE.safetensors
lora: {rank: 8, alpha: 8, targets: [q, k, v, o, ffn.0, ffn.2]}
data: {path: clips, metadata: metadata.csv, height: 64, width: 64, frames: 17}
train:
  steps: 80
  micro_batches: 2
  # A random model has everything to learn, so it takes a high rate; an even
  # weighting keeps the printed losses comparable from step to step.
  optimizer: {type: adamw, learning_rate: 1.0e-2, weight_decay: 0.01}
  timesteps: {min_boundary: 0.0, max_boundary: 0.9, shift: 5.0, weighting: none}
  seed: 0
output: {dir: output, save_every: {steps: 40}, keep: 2, formats: [diffsynth, comfyui, diffusers]}
)";

absl::Status CheckIsOurs(const std::string& folder,
                         const std::string& job_file) {
  constexpr uint64_t kMostBytes = 1 << 20;
  std::error_code error;
  if (!std::filesystem::exists(folder, error) ||
      std::filesystem::is_empty(folder, error)) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> job = ReadFile(job_file, kMostBytes);
  if (job.ok() && absl::StartsWith(*job, kFirstLine)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder, " is there and is no demo's folder: name another"));
}

}  // namespace

absl::StatusOr<std::string> WriteDemoFolder(const std::string& folder) {
  std::string job_file = absl::StrCat(folder, "/job.yaml");
  HP_RETURN_IF_ERROR(CheckIsOurs(folder, job_file));
  HP_RETURN_IF_ERROR(MakeDirectories(folder));
  // First, so that a folder that was left half filled is known as well.
  HP_RETURN_IF_ERROR(
      WriteFileAtomically(job_file, absl::StrCat(kFirstLine, kJob)));
  HP_RETURN_IF_ERROR(WriteDemoClips(absl::StrCat(folder, "/clips")));
  HP_RETURN_IF_ERROR(
      WriteDemoModel(absl::StrCat(folder, "/model"), DemoCaptions()));
  return job_file;
}

}  // namespace halfpipe
