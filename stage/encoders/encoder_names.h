// The published checkpoints and the ports of them spell the same tensors
// differently. These functions map what an archive holds to native names, the
// ones of the files that Wan published.
#ifndef HP_STAGE_ENCODERS_ENCODER_NAMES_H_
#define HP_STAGE_ENCODERS_ENCODER_NAMES_H_

#include <map>
#include <string>

#include "common/store/tensor_archive.h"

namespace halfpipe {

// Native name -> name in the archive.
using NativeNames = std::map<std::string, std::string>;

// UMT5 encoder: the published layout (`blocks.0.attn.q.weight`) unchanged, and
// transformers' UMT5EncoderModel
// (`encoder.block.0.layer.0.SelfAttention.q...`), with or without a prefix of
// wrappers and repackagers (`model.`, `module.`, `text_encoder.`, ...). Names
// that belong to neither are kept as they are. Of two embeddings
// `shared.weight` is taken, as transformers does.
[[nodiscard]] NativeNames NativeUmt5Names(const TensorArchive& archive);

// Wan 2.1 and 2.2 VAE: the published layout and diffusers' AutoencoderKLWan,
// with or without a prefix (`model.`, `vae.`, `first_stage_model.`, ...).
// Decoder tensors are left out.
[[nodiscard]] NativeNames NativeVaeNames(const TensorArchive& archive);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_ENCODER_NAMES_H_
