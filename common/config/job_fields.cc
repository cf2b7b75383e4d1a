#include "common/config/job_fields.h"

#include <limits>

#include "common/config/field_kinds.h"

namespace halfpipe {
namespace {

using Table = FieldTable;

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr KeyRole kFree{.key_class = KeyClass::kFree};
constexpr KeyRole kDecides{.key_class = KeyClass::kDecides};
constexpr KeyRole kContent{.key_class = KeyClass::kContent};
constexpr KeyRole kMachine{.key_class = KeyClass::kMachine};
constexpr KeyRole kExtends{.key_class = KeyClass::kExtends, .required = true};
constexpr KeyRole kPlace{.key_class = KeyClass::kContent, .required = true};
constexpr KeyRole kRequiredFree{.key_class = KeyClass::kFree, .required = true};

void AddModel(ModelConfig& m, Table& t) {
  t.Add("model.variant", Text(&m.variant), kContent,
        "Which Wan model it is; `auto` reads it from the weights' names and "
        "shapes.");
  t.Add("model.dit", Path(&m.dit), kContent,
        "The diffusion transformer: a safetensors or .pth file, or a folder "
        "of them. Required without model.random.",
        "dit_path transformer model_path");
  t.Add("model.text_encoder", Path(&m.text_encoder), kContent,
        "UMT5-XXL. Required without data.random.", "t5 umt5");
  t.Add("model.tokenizer", Path(&m.tokenizer), kContent,
        "Its sentencepiece model, or the folder that holds it. Required "
        "without data.random.",
        "tokenizer_path");
  t.Add("model.vae", Path(&m.vae), kContent,
        "The Wan VAE. Required without data.random.", "vae_path");
  t.Add("model.clip", Path(&m.clip), kContent,
        "The CLIP image encoder; only for variants that take image features.",
        "image_encoder");
  t.Add("model.weights", Choice(&m.weights, {"bf16", "fp8", "fp8_compute"}),
        kDecides,
        "How the frozen weights are stored: `bf16`; `fp8` (8 bits, e4m3 with a "
        "scale for each row; computes in bf16); `fp8_compute` (multiplies in "
        "fp8 too; needs Ada, Hopper or Blackwell).");
  t.Add("model.random.variant", Text(&m.random.variant), kDecides,
        "Random weights of this variant's shapes instead of files, made on "
        "the device.");
  t.Add("model.random.layers", Integer(&m.random.layers, 0, 1024), kDecides,
        "Blocks of the random model; 0: as many as the variant has.");
  t.Add("model.random.seed", Integer(&m.random.seed, 0, kMaxInt), kDecides,
        "Seed of the random weights.");
}

void AddLora(LoraConfig& l, Table& t) {
  t.Add("lora.rank", Integer(&l.rank, 1, 4096), kDecides,
        "Inner size of each low-rank pair.", "network_dim lora_rank dim");
  t.Add("lora.alpha", Real(&l.alpha, 0.0, kInfinity), kDecides,
        "The LoRA's scale is alpha / rank; 0: the rank, so that the scale is "
        "1.",
        "network_alpha lora_alpha");
  t.Add("lora.targets", TextList(&l.targets),
        {.key_class = KeyClass::kDecides, .unordered = true},
        "Names (or the last parts of names) of the linear layers that get a "
        "LoRA.",
        "target_modules lora_target_modules");
  t.Add("lora.init_from", Path(&l.init_from), kContent,
        "A LoRA file to start from, in any known format; empty: start fresh.",
        "lora_checkpoint init_from_existing");
  t.Add(
      "lora.partial", Flag(&l.partial), kFree,
      "`true`: lora.init_from may lack some of the targets (they start fresh) "
      "or have other layers (they are left out). `false`: either is an error.");
}

void AddData(DataConfig& d, Table& t) {
  t.Add("data.path", Path(&d.path), kContent,
        "The folder with the clips and images. Required without data.random.",
        "dataset_base_path");
  t.Add("data.metadata", Text(&d.metadata), kContent,
        "A .csv, .json or .jsonl file with a `prompt` and a `video` or "
        "`image` for each row, relative to data.path; files of other trainers "
        "are in data.md. Empty: metadata.{csv,json,jsonl} if there is one, "
        "else each clip's caption is the .txt file of the same name.",
        "dataset_metadata_path metadata_path");
  t.Add("data.cache_dir", Path(&d.cache_dir), kFree,
        "Where encoded clips and prompts are kept between runs. Empty: "
        "`.halfpipe-cache` in data.path.",
        "cache_directory");
  t.Add("data.height", Integer(&d.height, 0, DataConfig::kMaxSide), kDecides,
        "Pixels, a multiple of 16 (32 for TI2V-5B). 0 (with width 0): each "
        "clip's own size, within max_pixels.");
  t.Add("data.width", Integer(&d.width, 0, DataConfig::kMaxSide), kDecides,
        "Pixels, a multiple of 16 (32 for TI2V-5B).");
  t.Add("data.max_pixels", Integer(&d.max_pixels, 256, 16777216), kDecides,
        "Largest height * width if each clip keeps its own size.");
  t.Add("data.frames", Integer(&d.frames, 1, DataConfig::kMaxFrames), kDecides,
        "Frames of a sample: 4k+1 (5, 9, 13, ...), or 1. Of a longer clip the "
        "first frames are used; a shorter one is used as far as it goes, in "
        "steps of four frames.",
        "num_frames");
  t.Add("data.repeat", Integer(&d.repeat, 1, 1000000), kDecides,
        "How often each sample comes in one round through the data set, before "
        "the order is shuffled anew. It does not change the number of steps.",
        "dataset_repeat num_repeats");
  t.Add("data.random.samples", Integer(&d.random.samples, 0, 1000000), kDecides,
        "Samples with made-up latents and contexts instead of files; 0: "
        "files.");
  t.Add("data.on_bad_file", Choice(&d.on_bad_file, {"stop", "skip"}), kFree,
        "A clip that cannot be read or decoded: `stop` lists all of them and "
        "ends the job before it trains; `skip` lists them and trains without.");
  t.Add("data.alpha", Alpha(&d.alpha), kContent,
        "The colour behind transparent parts: `black`, `white` or `#rrggbb`; "
        "`refuse`: a clip or picture with transparency is an error.");
  t.Add(
      "data.stills", Choice(&d.stills, {"refuse", "train"}), kFree,
      "What to do with pictures (or `data.frames: 1`) when the model continues "
      "a first frame: it learns the frames that follow, and a picture has "
      "none. `refuse`: an error; `train`: train on them nevertheless.");
}

void AddOptimizer(TrainConfig& c, Table& t) {
  OptimizerConfig& o = c.optimizer;
  t.Add("train.optimizer.type", Choice(&o.type, {"adamw"}), kDecides,
        "The optimizer.");
  t.Add("train.optimizer.learning_rate",
        Real(&o.learning_rate, 0.0, 10.0, LowerEnd::kOpen), kDecides,
        "The rate after warm-up.", "lr");
  t.Add("train.optimizer.weight_decay", Real(&o.weight_decay, 0.0, 1.0),
        kDecides, "Decoupled weight decay.");
  t.Add("train.optimizer.betas", RatioPair(&o.betas), kDecides,
        "Decay rates of the first and second moment.");
  t.Add("train.optimizer.eps", Real(&o.eps, 0.0, 1.0, LowerEnd::kOpen),
        kDecides, "Added to the root of the second moment.", "epsilon");
  LrScheduleConfig& s = c.lr_schedule;
  t.Add("train.lr_schedule.type",
        Choice(&s.type, {"constant", "linear", "cosine"}), kDecides,
        "The rate's course after warm-up, over the remaining steps.",
        "lr_scheduler lr_scheduler_type");
  t.Add("train.lr_schedule.warmup_steps", Integer(&s.warmup_steps, 0, 10000000),
        kDecides, "Steps over which the rate rises linearly to learning_rate.");
  t.Add("train.lr_schedule.min_ratio", Real(&s.min_ratio, 0.0, 1.0), kDecides,
        "What `linear` and `cosine` fall to, as a fraction of "
        "learning_rate.");
}

void AddTrain(TrainConfig& c, Table& t) {
  t.Add("train.steps", Integer(&c.steps, 1, 10000000), kExtends,
        "Optimizer steps.", "max_train_steps max_steps");
  t.Add("train.micro_batches", Integer(&c.micro_batches, 1, 4096), kDecides,
        "Samples in a step. They go through the two stages one after the "
        "other: with 1 the stages take turns, with 8 both are busy.");
  AddOptimizer(c, t);
  t.Add("train.max_grad_norm", Real(&c.max_grad_norm, 0.0, kInfinity), kDecides,
        "If the norm of all gradients, over both stages, is larger than this, "
        "they are scaled down to it; 0: never, as in DiffSynth.",
        "gradient_clipping clip_grad_norm");
  TimestepConfig& s = c.timesteps;
  t.Add("train.timesteps.min_boundary", Real(&s.min_boundary, 0.0, 1.0),
        kDecides,
        "Where the trained part of the timesteps begins, from 0 (pure noise) "
        "to 1 (no noise).",
        "min_timestep_boundary");
  t.Add("train.timesteps.max_boundary", Real(&s.max_boundary, 0.0, 1.0),
        kDecides,
        "Where the trained part ends. With shift 5: I2V-A14B high noise 0 to "
        "0.358, low noise 0.358 to 1; T2V-A14B 0.417.",
        "max_timestep_boundary");
  t.Add("train.timesteps.shift", Real(&s.shift, 0.0, 1000.0, LowerEnd::kOpen),
        kDecides,
        "Moves the grid towards noise: sigma = shift u / (1 + (shift - 1) "
        "u).",
        "sigma_shift discrete_flow_shift flow_shift");
  t.Add("train.timesteps.weighting", Choice(&s.weighting, {"gaussian", "none"}),
        kDecides,
        "The loss's weight: `gaussian` as DiffSynth, or 1 everywhere.");
  t.Add("train.caption_dropout", Real(&c.caption_dropout, 0.0, 1.0), kDecides,
        "Chance that a sample is trained with the empty prompt.",
        "caption_dropout_rate");
  t.Add("train.seed", Integer(&c.seed, 0, kMaxInt), kDecides,
        "Decides noise, timesteps, data order and the LoRA's start.");
  t.Add("train.deterministic", Flag(&c.deterministic), kDecides,
        "On GPUs the same job gives the same bits again; slower.");
  // Not part of the digest: it decides nothing as long as all is finite, and
  // whoever was stopped may go on from the same checkpoint with another one.
  t.Add(
      "train.on_nonfinite",
      Choice(&c.on_nonfinite, {"stop", "skip", "rollback"}), kFree,
      "What to do about a loss or gradient that is NaN or infinite: `stop` "
      "ends the job; `skip` drops the step, and ends the job after 20 in a "
      "row; `rollback` goes back to the last checkpoint with half the learning "
      "rate. A job that was stopped and resumed ends as it would have without "
      "that; with `rollback` only if save_every is a number of steps.");
}

void AddPipeline(PipelineConfig& p, Table& t) {
  t.Add("pipeline.split_at", IntegerOrAuto(&p.split_at, 1, 1024), kFree,
        "How many blocks are on stage 0; the others are on stage 1. With "
        "`interleaved`, each stage's blocks are divided between its chunks.");
  t.Add("pipeline.schedule",
        Choice(&p.schedule, {"1f1b", "gpipe", "sequential", "interleaved"}),
        kFree,
        "In which order the stages work on the micro-batches. The LoRA is the "
        "same with each. `interleaved` divides each stage into chunks of "
        "blocks (two, or four if the planner finds that faster): the stages "
        "wait less and send more.");
  t.Add("pipeline.stages", Integer(&p.stages, 1, 2), kFree,
        "Processes (and GPUs) that share the model.");
  t.Add("pipeline.warmup", PairOrAuto(&p.warmup, 1, 4096), kFree,
        "For `1f1b`: how many forwards stage 0 and stage 1 do before their "
        "first backward. More of them hide more of the time that transfers "
        "take, and need more memory.");
  t.Add("pipeline.memory",
        ChoiceOrAuto(&p.memory, {"keep", "recompute", "offload"}), kFree,
        "What happens to activations until the backward pass: `keep` them on "
        "the GPU, `offload` them to RAM, or `recompute` them then; `auto` "
        "chooses for each kind what fits and is fastest.");
  t.Add("pipeline.gpu_memory", BytesOrAuto(&p.gpu_memory_bytes), kFree,
        "How much memory of each GPU to use at most; `auto`: what is free.");
  t.Add("pipeline.host_memory", BytesOrAuto(&p.host_memory_bytes), kFree,
        "How much RAM both stages together may pin at most; `auto`: what is "
        "available, or what is left of the cgroup's limit if that is less, "
        "minus 4 GiB.");
  t.Add("pipeline.profile", Flag(&p.profile), kFree,
        "Time every group of kernels, for `halfpipe bench --profile`; costs "
        "about a percent.");
  t.Add("pipeline.device", Choice(&p.device, {"auto", "cpu", "cuda"}), kMachine,
        "Where the stages compute.");
  t.Add("pipeline.dtype", Choice(&p.dtype, {"bf16", "fp32"}), kDecides,
        "The number format that the model computes in.");
  t.Add("pipeline.threads", Integer(&p.threads, 1, 1024), kMachine,
        "CPU threads of each stage. On the CPU another number may change the "
        "last bits of the result.");
}

void AddOutput(OutputConfig& o, Table& t) {
  t.Add("output.dir", Path(&o.dir), kPlace,
        "Folder for checkpoints and the LoRA files.", "output_path output_dir");
  t.Add("output.save_every", StepsOrDuration(&o.save_every), kFree,
        "How often a checkpoint is written; one is always written at the end.",
        "save_steps save_every_n_steps");
  t.Add("output.keep", Integer(&o.keep, 0, 1000000), kFree,
        "How many of the newest checkpoints are kept; 0: all.");
  t.Add("output.formats",
        ChoiceList(&o.formats, {"diffsynth", "comfyui", "diffusers"}), kFree,
        "In which formats each checkpoint has the LoRA.");
  t.Add("output.metrics",
        ChoiceList(&o.metrics, {"jsonl", "tensorboard"}, ListSize::kMayBeEmpty),
        kFree,
        "What stage 0 writes the curves as, into the folder `metrics` of "
        "`output.dir`: `metrics.jsonl`, and event files for TensorBoard; `[]`: "
        "nothing.",
        "log_with report_to");
}

// None of these is in the config's digest, so that jobs without a validation
// keep theirs. What is held out is in the data's.
void AddValidation(ValidationConfig& v, Table& t) {
  t.Add("validation.samples", Integer(&v.samples, 0, 256), kContent,
        "Samples that are never trained on, and whose loss is measured now and "
        "then; 0: no validation. All copies of a sample are held out with it.",
        "validation_samples num_validation_samples");
  t.Add("validation.every", Integer(&v.every, 1, kMaxInt), kFree,
        "Optimizer steps between two validations; another one comes after the "
        "last step.",
        "validation_steps eval_steps eval_every_n_steps");
  t.Add("validation.bands", Integer(&v.bands, 1, 16), kFree,
        "The trained timesteps are divided into this many equal parts, and "
        "each sample is evaluated in the middle of each part, always with the "
        "same noise.");
  t.Add("validation.patience", Integer(&v.patience, 0, kMaxInt), kFree,
        "The job ends, as done, after this many validations in a row without a "
        "better loss; 0: never.",
        "early_stopping_patience");
  t.Add("validation.seed", Integer(&v.seed, 0, kMaxInt), kContent,
        "Chooses the samples and their noise: keep it to compare jobs.");
}

}  // namespace

std::vector<Field> JobFields(JobConfig* config) {
  Table table;
  table.Add("name", Text(&config->name), kRequiredFree,
            "What the job is called in lists, logs and metrics.",
            "job_name output_name");
  AddModel(config->model, table);
  AddLora(config->lora, table);
  AddData(config->data, table);
  AddTrain(config->train, table);
  AddPipeline(config->pipeline, table);
  AddOutput(config->output, table);
  AddValidation(config->validation, table);
  return table.Take();
}

}  // namespace halfpipe
