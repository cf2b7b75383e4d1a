#!/usr/bin/env bash
# Ten recorded optimizer steps, replayed by independent implementations, which
# also load the LoRA that came out.
source "$(dirname "$0")/lib.sh"
needs_oracles

# replay NAME MODEL: on two stages, clipping in some steps but not in all.
replay() {
  local name="$1" model="$2"
  cat >"$scratch/$name.yaml" <<END
name: $name
model:
  dit: $model/high_noise_model
  text_encoder: $model/models_t5_umt5.safetensors
  tokenizer: $model/google/umt5-xxl
  vae: $model/Wan2.1_VAE.safetensors
lora: {rank: 4, alpha: 6, targets: [q, k, v, o, ffn.0, ffn.2]}
data: {path: $HP_MODEL/clips, cache_dir: $scratch/cache-$name, height: 64, width: 48, frames: 9}
train:
  steps: 10
  micro_batches: 2
  optimizer: {type: adamw, learning_rate: 2.0e-3, weight_decay: 0.5}
  lr_schedule: {type: cosine, warmup_steps: 2}
  max_grad_norm: 0.5
  timesteps: {min_boundary: 0.05, max_boundary: 0.9, shift: 5.0, weighting: gaussian}
  seed: 12345678901
pipeline: {stages: 2, split_at: 1, device: cpu, dtype: fp32}
output: {dir: $scratch/$name, save_every: {steps: 5}, formats: [diffsynth, comfyui, diffusers]}
END
  run "$name" --record "$scratch/record-$name"
  "$HP_PYTHON" "$HP_SOURCE/tests/e2e/replay_test.py" "$scratch/$name.yaml" \
    "$scratch/record-$name" || fail "the replay of $name differs"
  "$HP_PYTHON" "$HP_SOURCE/tests/e2e/lora_formats_test.py" \
    "$model/high_noise_model" "$scratch/$name" ||
    fail "the LoRA of $name does not load"
}

replay t2v "$HP_MODEL/model"
replay i2v "$HP_MODEL/i2v-model"
