// Useful for tests of LoRA files and base models: one that fits a golden model.
#ifndef HP_TESTS_CLIENT_LORA_LORA_OF_MODEL_H_
#define HP_TESTS_CLIENT_LORA_LORA_OF_MODEL_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/model/checkpoint.h"
#include "common/model/linear_shapes.h"
#include "common/store/lora_file.h"

namespace halfpipe {

// Diffusers' names, bf16, one file; tests run in the repository's root.
inline constexpr char kDiffusersModel[] = "tests/golden/t2v_diffusers/model";
// Two shards with an index.
inline constexpr char kShardedModel[] = "tests/golden/i2v_a14b_native/model";

// Writes a LoRA of rank 2 and alpha 1 for `modules` of the model at `dit`; all
// of its numbers are ones, so that B A is 2 everywhere. `differences` go in
// too.
inline void WriteOnes(const std::string& path, const std::string& dit,
                      LoraFormat format,
                      const std::vector<std::string>& modules,
                      const std::vector<LoraDifference>& differences = {}) {
  const auto checkpoint = OpenWanCheckpoint(dit);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const LinearShapes shapes = AllLinearShapesOf(checkpoint->variant.spec);
  const std::vector<float> ones(1 << 16, 1.0f);
  LoraExport lora;
  lora.format = format;
  lora.alpha = 1;
  lora.differences = &differences;
  for (const std::string& module : modules) {
    const LinearShape shape = shapes.at(module);
    lora.adapters.push_back(
        {module, 2, shape.in, shape.out, ones.data(), ones.data()});
  }
  const absl::Status written = ExportLora(path, lora);
  ASSERT_TRUE(written.ok()) << written;
}

}  // namespace halfpipe

#endif  // HP_TESTS_CLIENT_LORA_LORA_OF_MODEL_H_
