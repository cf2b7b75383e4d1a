// A LoRA file that was opened: what it holds, from its header, and its modules
// one at a time, so that a file is judged before its matrices are in memory.
#ifndef HP_COMMON_STORE_LORA_ARCHIVE_H_
#define HP_COMMON_STORE_LORA_ARCHIVE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/lora_file.h"
#include "common/store/lora_names.h"
#include "common/store/peft_config.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// One module of a file. `keys` are as the file spells them; alpha may be empty.
struct StoredLora {
  LoraKeys keys = {};
  int64_t rank = 0;
  int64_t in = 0;
  int64_t out = 0;
};

struct LoraContents {
  std::map<std::string, StoredLora> modules;  // by native module
  // Key of a whole difference by the native tensor that it is of.
  std::map<std::string, std::string> differences;
  // Keys of the second expert, where the file holds both; they are not among
  // the modules. In a file of that expert alone they are modules.
  std::vector<std::string> second_expert;
};

// What the names and shapes say. InvalidArgument names the keys: those of no
// LoRA (all of them, each with the nearest that is one), an adapter of another
// kind (DoRA, LoKr, ...), an A without its B, the LoRA of a convolution,
// shapes that do not match, a module given in two spellings or both as a
// product and as a difference.
[[nodiscard]] absl::StatusOr<LoraContents> ListLora(
    const TensorArchive& archive);

// Reads and judges the header in Open, the numbers when they are asked for.
// Any thread.
class LoraArchive {
 public:
  // Any format of lora_names.h. Codes of OpenTensorArchive and ListLora;
  // every message starts with the file.
  [[nodiscard]] static absl::StatusOr<LoraArchive> Open(
      const std::string& path);

  [[nodiscard]] const LoraContents& contents() const { return contents_; }

  [[nodiscard]] const std::string& path() const { return archive_->path(); }

  [[nodiscard]] const TensorMetadata& metadata() const {
    return archive_->metadata();
  }

  // alpha / rank of a module: of its alpha, else of peft's or diffusers' word
  // about the whole file, else 1 (it is in B). REQUIRES: contents() has
  // `module`. InvalidArgument: an alpha that is no positive number, a rank
  // that is not the one the file's config has.
  [[nodiscard]] absl::StatusOr<double> ScaleOf(const std::string& module) const;

  // A sentence where the keys are peft's and the adapter_config.json that would
  // say alpha is not beside them; else empty.
  [[nodiscard]] std::string ScaleWarning() const;

  // The module's matrices. InvalidArgument also for a dtype that is not F32,
  // BF16 or F16, and for a number that is not finite. Same requirement.
  [[nodiscard]] absl::StatusOr<LoraModule> Read(const std::string& module,
                                                LoraScale scale) const;

  // Likewise; REQUIRES: contents() has the difference of `tensor`.
  [[nodiscard]] absl::StatusOr<LoraDifference> ReadDifference(
      const std::string& tensor) const;

  // BF16 when every matrix and difference is that, else F32.
  [[nodiscard]] DType NarrowestDType() const;

 private:
  LoraArchive() = default;

  [[nodiscard]] absl::Status ReadConfig();
  [[nodiscard]] absl::StatusOr<double> ReadAlpha(const std::string& key) const;
  [[nodiscard]] absl::StatusOr<std::vector<float>> ReadFinite(
      const std::string& key) const;

  std::unique_ptr<TensorArchive> archive_;
  LoraContents contents_;
  std::optional<PeftScale> config_;  // of the whole file
};

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_LORA_ARCHIVE_H_
