// A very small Wan model with random weights, in the layout of the published
// one: names and shapes are those of its files, only the sizes are small, so
// that a CPU trains it in a minute. What it learns is worth nothing.
#ifndef HP_CLIENT_DEMO_DEMO_MODEL_H_
#define HP_CLIENT_DEMO_DEMO_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// The sizes of its DiT.
[[nodiscard]] ModelSpec DemoModelSpec();

// Writes into `folder`, which is made:
//   dit/                            the DiT and its config.json
//   models_t5_umt5.safetensors      the text encoder
//   Wan2.1_VAE.safetensors          the encoder half of the VAE
//   google/umt5-xxl/spiece.model    the tokenizer, which knows the captions'
//                                   words and spells all others
// Always the same bytes for the same captions. Codes: those of AtomicFile.
[[nodiscard]] absl::Status WriteDemoModel(
    const std::string& folder, const std::vector<std::string>& captions);

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_DEMO_MODEL_H_
