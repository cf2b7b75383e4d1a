#include "stage/wan/golden_case.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "stage/kernels/tensor_bridge.h"

namespace halfpipe {
namespace {

constexpr char kAdapterA[] = ".lora_A.default.weight";

std::map<std::string, at::Tensor> ReadAll(const TensorArchive& archive) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, stored] : archive.tensors()) {
    at::Tensor tensor = at::empty(stored.shape, ToScalarType(stored.dtype));
    absl::Status status = archive.Read(name, tensor.data_ptr());
    EXPECT_TRUE(status.ok()) << status;
    tensors[name] = tensor;
  }
  return tensors;
}

// The targets that give exactly the golden's set of adapted layers.
LoraSpec SpecOf(const TensorArchive& archive) {
  LoraSpec spec;
  std::set<std::string> targets;
  for (const auto& [name, stored] : archive.tensors()) {
    absl::string_view module = name;
    if (absl::ConsumePrefix(&module, "lora.") &&
        absl::ConsumeSuffix(&module, kAdapterA)) {
      targets.insert(std::string(module));
    }
  }
  spec.targets.assign(targets.begin(), targets.end());
  EXPECT_TRUE(absl::SimpleAtoi(archive.metadata().at("rank"), &spec.rank));
  EXPECT_TRUE(absl::SimpleAtod(archive.metadata().at("alpha"), &spec.alpha));
  return spec;
}

at::Tensor Optional(const std::map<std::string, at::Tensor>& tensors,
                    const std::string& name) {
  auto it = tensors.find(name);
  return it == tensors.end() ? at::Tensor() : it->second;
}

}  // namespace

std::vector<std::string> GoldenFolders() {
  // More cases than the repository keeps can be tested by naming their folder.
  const char* other = std::getenv("HP_GOLDEN_DIR");
  const std::filesystem::path root = other ? other : "tests/golden";
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (std::filesystem::exists(entry.path() / "model")) {
      folders.push_back(entry.path().string());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

GoldenCase LoadGolden(const std::string& folder) {
  GoldenCase golden;
  auto checkpoint = OpenWanCheckpoint(folder + "/model");
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  HP_CHECK(checkpoint.ok());
  golden.checkpoint = *std::move(checkpoint);
  auto archive = OpenTensorArchive(folder + "/golden.safetensors");
  EXPECT_TRUE(archive.ok()) << archive.status();
  HP_CHECK(archive.ok());
  golden.tensors = ReadAll(**archive);
  golden.lora = SpecOf(**archive);
  golden.inputs.latents = golden.tensors.at("in.latents");
  golden.inputs.timestep = golden.tensors.at("in.timestep");
  golden.inputs.context = golden.tensors.at("in.context");
  golden.inputs.y = Optional(golden.tensors, "in.y");
  golden.inputs.clip_feature = Optional(golden.tensors, "in.clip_feature");
  auto first = (*archive)->metadata().find("first_frame_given");
  golden.inputs.first_frame_given =
      first != (*archive)->metadata().end() && first->second == "true";
  return golden;
}

}  // namespace halfpipe
