// Reads a golden file of tests/golden: inputs, LoRA weights and what an
// independent implementation made of them.
#ifndef HP_TESTS_STAGE_WAN_GOLDEN_CASE_H_
#define HP_TESTS_STAGE_WAN_GOLDEN_CASE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "common/config/lora_spec.h"
#include "common/model/checkpoint.h"
#include "stage/wan/embeddings.h"

namespace halfpipe {

struct GoldenCase {
  WanCheckpoint checkpoint;
  MicrobatchInputs inputs;
  LoraSpec lora;
  // By the golden's own keys ("lora.blocks.0....", "grad....", "out.loss").
  std::map<std::string, at::Tensor> tensors;
};

// Every sub-folder of `root` (default: tests/golden, with the working
// directory at the repository's root) that holds a case, in order of name.
std::vector<std::string> GoldenFolders();

// Aborts the test with a message when the case cannot be read.
GoldenCase LoadGolden(const std::string& folder);

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_WAN_GOLDEN_CASE_H_
