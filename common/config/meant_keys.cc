#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/config/schema.h"

namespace halfpipe {
namespace {

// Words that stand for one thing.
struct Meaning {
  // Sections in which the words mean it, "" being the top of the file; none:
  // wherever they stand.
  std::vector<absl::string_view> sections;
  std::vector<absl::string_view> words;
  absl::string_view hint;
};

constexpr char kNoPreviews[] =
    "clips made with the LoRA while it trains (previews) are not made here "
    "yet: give a checkpoint's LoRA to ComfyUI (output.save_every says how "
    "often there is one); validation.samples and validation.every measure the "
    "loss of clips that are held out";

const std::vector<Meaning>& Meanings() {
  static const auto* const meanings = new std::vector<Meaning>{
      {{},
       {"sample_every", "sample_every_n_steps", "sample_every_n_epochs",
        "sample_steps", "sample_prompts", "sample_at_first", "sample",
        "preview", "previews", "preview_every", "sample_prompt",
        "validation_prompt", "validation_prompts"},
       kNoPreviews},
      {{"data"},
       {"dir", "folder", "root", "directory", "dataset", "dataset_path",
        "dataset_dir", "data_dir", "data_path", "videos", "video_dir",
        "video_path", "clips", "source", "input", "input_dir"},
       "the folder of the clips is data.path: write path"},
      {{""},
       {"dataset", "dataset_path", "dataset_dir", "data_dir", "data_path",
        "train_data_dir", "video_dir", "instance_data_dir"},
       "the folder of the clips is data.path: write path under data"},
      {{"data"},
       {"captions", "caption_file", "captions_file", "csv", "jsonl",
        "metadata_file", "annotations", "annotation_path"},
       "the list of clips and captions is data.metadata: write metadata"},
      {{"data"},
       {"caption_ext", "caption_extension", "caption_column", "video_column"},
       "nothing has to be said here: captions are .txt files beside the clips, "
       "or columns of data.metadata (docs/data.md has the names)"},
      {{"data"},
       {"size", "image_size", "max_area", "bucket_resolutions", "enable_bucket",
        "enable_ar_bucket", "buckets"},
       "write data.height and data.width, or data.max_pixels, within which "
       "each clip keeps its own shape"},
      {{"data"},
       {"num_workers", "workers", "dataloader_num_workers"},
       "leave it out: clips are decoded and encoded once, before the training"},
      {{},
       {"cache_latents", "cache_latents_to_disk", "cache_text_embeddings",
        "cache_text_encoder_outputs", "cache"},
       "leave it out: latents and captions are always kept, in data.cache_dir"},
      {{},
       {"trigger_word", "trigger", "instance_prompt"},
       "write the word into each caption: captions are trained as they are"},
      {{"output"},
       {"path", "folder", "directory", "root", "save_dir", "out"},
       "the folder of the results is output.dir: write dir"},
      {{""},
       {"save_dir", "out", "out_dir", "training_folder", "outdir"},
       "the folder of the results is output.dir: write dir under output"},
      {{},
       {"checkpoint_every", "checkpointing_steps", "save_interval",
        "checkpoint_every_n_steps", "save_freq", "save_model_steps",
        "checkpoint_interval"},
       "it is called output.save_every here: a number of steps, or a time such "
       "as 30min"},
      {{},
       {"keep_last", "checkpoints_total_limit", "save_total_limit",
        "max_checkpoints", "max_step_saves_to_keep", "save_last_n_steps"},
       "it is called output.keep here, a number of checkpoints"},
      {{},
       {"eval_every", "validate_every", "validation_every", "eval_interval",
        "test_every"},
       "it is called validation.every here, a number of steps; "
       "validation.samples says how many clips are held out for it"},
      {{"train", ""},
       {"iterations", "iters", "num_steps", "total_steps", "max_iters",
        "n_steps", "num_train_steps"},
       "it is called train.steps here"},
      {{"train", ""},
       {"batch", "batchsize", "grad_accum", "accumulate", "accumulation_steps",
        "gradient_accumulation"},
       "train.micro_batches counts all samples of a step, batch size times "
       "accumulation steps"},
      {{"train", "model", ""},
       {"precision", "train_dtype", "torch_dtype", "compute_dtype"},
       "the number format of the computation is pipeline.dtype, bf16 or fp32; "
       "how the frozen weights are stored is model.weights"},
      {{"model"},
       {"path", "checkpoint", "base_model", "ckpt", "ckpt_path", "unet",
        "name_or_path", "pretrained_model_name_or_path", "diffusion_model",
        "transformer_path", "dit_model"},
       "the weights of the diffusion transformer are model.dit: write dit"},
      {{"model"},
       {"type", "arch", "architecture", "task"},
       "leave it out: the weights say which model it is; model.variant names "
       "it where the weights are elsewhere"},
      {{"model", ""},
       {"quantize", "quantized", "load_in_8bit", "qtype"},
       "write model.weights: fp8 (or fp8_compute), or leave it out for bf16"},
      {{},
       {"gpus", "gpu", "num_gpus", "devices", "device_ids", "gpu_ids",
        "num_processes", "world_size"},
       "pipeline.stages says how many GPUs share the model; "
       "CUDA_VISIBLE_DEVICES chooses which GPUs the stages see"},
      {{},
       {"resume", "resume_from", "resume_from_checkpoint", "auto_resume"},
       "leave it out: the same job goes on from its last checkpoint by itself; "
       "lora.init_from starts from another LoRA"},
      {{},
       {"dropout", "lora_dropout", "network_dropout", "rank_dropout",
        "module_dropout"},
       "there is no dropout in the LoRA here; train.caption_dropout leaves out "
       "captions"},
      {{},
       {"ema", "use_ema", "ema_decay", "ema_config"},
       "weights are not averaged here (EMA)"},
      {{},
       {"noise_offset", "min_snr_gamma", "multires_noise_iterations",
        "ip_noise_gamma"},
       "there is no such change of noise or loss here; train.timesteps has "
       "shift and weighting"},
      {{},
       {"learning_rate_scheduler", "scheduler"},
       "it is called train.lr_schedule.type here"},
      {{},
       {"unet_lr", "text_encoder_lr", "base_lr"},
       "write train.optimizer.learning_rate; the text encoder is not trained"},
      {{"pipeline", "train"},
       {"vram", "max_vram", "vram_limit", "gpu_mem"},
       "the most of each GPU is pipeline.gpu_memory: 22GiB, say"},
      {{"pipeline", "train"},
       {"ram", "max_ram", "cpu_memory", "host_mem"},
       "the most RAM is pipeline.host_memory: 64GiB, say"},
  };
  return *meanings;
}

bool Has(const std::vector<absl::string_view>& list, absl::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

std::string MeantKeyHint(absl::string_view section, absl::string_view name) {
  for (const Meaning& meaning : Meanings()) {
    const bool is_here =
        meaning.sections.empty() || Has(meaning.sections, section);
    if (is_here && Has(meaning.words, name)) return std::string(meaning.hint);
  }
  return "";
}

}  // namespace halfpipe
