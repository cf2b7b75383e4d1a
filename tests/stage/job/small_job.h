// A whole job on disk, as small as can be: names and shapes are those of the
// real files, the weights are zeros. Useful for: what is read of a job before
// anything is loaded.
#ifndef HP_TESTS_STAGE_JOB_SMALL_JOB_H_
#define HP_TESTS_STAGE_JOB_SMALL_JOB_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/job_config.h"
#include "common/model/known_variants.h"
#include "common/model/model_spec.h"
#include "common/store/safetensors_writer.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {

using TensorForms = std::map<std::string, Shape>;

// Bytes that are no zeros: a file of zeros is one that was never filled.
inline void WriteForms(const std::string& path, const TensorForms& tensors,
                       DType dtype = DType::kF32) {
  std::vector<std::vector<char>> bytes;
  std::vector<TensorToWrite> list;
  for (const auto& [name, shape] : tensors) {
    bytes.emplace_back(static_cast<size_t>(ElementCount(shape)) * SizeOf(dtype),
                       1);
    list.push_back({name, dtype, shape, bytes.back().data()});
  }
  const absl::Status written = WriteSafetensors(path, list, {});
  ASSERT_TRUE(written.ok()) << written;
}

// UMT5 with one layer of this width and so many tokens.
inline TensorForms Umt5Forms(int64_t width = 32, int64_t vocabulary = 1024) {
  TensorForms forms = {{"token_embedding.weight", {vocabulary, width}},
                       {"norm.weight", {width}},
                       {"blocks.0.norm1.weight", {width}},
                       {"blocks.0.norm2.weight", {width}},
                       {"blocks.0.pos_embedding.embedding.weight", {32, 4}},
                       {"blocks.0.ffn.gate.0.weight", {48, width}},
                       {"blocks.0.ffn.fc1.weight", {48, width}},
                       {"blocks.0.ffn.fc2.weight", {width, 48}}};
  for (const char* linear : {"q", "k", "v", "o"}) {
    forms[absl::StrCat("blocks.0.attn.", linear, ".weight")] = {width, width};
  }
  return forms;
}

class SmallJob {
 public:
  SmallJob() {
    std::filesystem::create_directories(folder_ / "clips");
    std::filesystem::create_directories(folder_ / "dit");
    for (const char* name : {"a", "b"}) {
      folder_.Write(absl::StrCat("clips/", name, ".mp4"),
                    absl::StrCat("clip ", name));
      folder_.Write(absl::StrCat("clips/", name, ".txt"),
                    absl::StrCat("the film ", name));
    }
    WriteDit(*KnownModel("tiny-t2v", 2));
    WriteForms(folder_ / "t5.safetensors", Umt5Forms());
    CopyGolden("vae21.safetensors", "vae.safetensors");
    CopyGolden("spiece.model", "spiece.model");
    config.name = "small";
    config.model.dit = folder_ / "dit";
    config.model.text_encoder = folder_ / "t5.safetensors";
    config.model.tokenizer = folder_ / "spiece.model";
    config.model.vae = folder_ / "vae.safetensors";
    config.lora.rank = 4;
    config.lora.alpha = 4;
    config.data.path = folder_ / "clips";
    config.data.height = 64;
    config.data.width = 96;
    config.data.frames = 9;
  }

  void WriteDit(const ModelSpec& model_spec) const {
    WriteForms(folder_ / "dit/model.safetensors", WanTensors(model_spec));
    folder_.Write(
        "dit/config.json",
        absl::StrCat("{\"num_attention_heads\": ", model_spec.heads,
                     ", \"attention_head_dim\": ", model_spec.head_dim(), "}"));
  }

  void CopyGolden(const std::string& golden, const std::string& name) const {
    std::filesystem::copy_file(
        absl::StrCat("tests/stage/encoders/goldens/", golden), folder_ / name,
        std::filesystem::copy_options::overwrite_existing);
  }

  [[nodiscard]] const ScratchFolder& folder() const { return folder_; }

  JobConfig config;

 private:
  ScratchFolder folder_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_JOB_SMALL_JOB_H_
