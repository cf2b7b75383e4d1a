// LoRA files of every format that programs for Wan read: written with every
// key checked against the base model, read back into plain fp32 matrices.
#ifndef HP_COMMON_STORE_LORA_FILE_H_
#define HP_COMMON_STORE_LORA_FILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/store/lora_names.h"
#include "common/store/safetensors_writer.h"

namespace halfpipe {

// Of a linear layer: its weight is [out, in].
struct LinearShape {
  int64_t in = 0;
  int64_t out = 0;
};

// Every linear layer of a base model by its native module path.
using LinearShapes = std::map<std::string, LinearShape>;

// One trained module. `a` is [rank, in] and `b` [out, rank], fp32, row-major,
// borrowed for the call.
struct LoraMatrices {
  std::string module;  // native, "blocks.0.self_attn.q"
  int64_t rank = 0;
  int64_t in = 0;
  int64_t out = 0;
  const float* a = nullptr;
  const float* b = nullptr;
  // In place of LoraExport::alpha, where modules have their own.
  std::optional<double> alpha = {};
};

// A difference of a whole tensor of the base model, which is added to it as
// it is: of a norm's weight, a bias, a modulation table.
struct LoraDifference {
  std::string tensor = {};  // native, "blocks.0.self_attn.q.bias"
  std::string key = {};     // as the file that it was read from spells it
  Shape shape = {};
  std::vector<float> values = {};
};

// What ExportLora writes.
struct LoraExport {
  LoraFormat format = LoraFormat::kDiffSynth;
  std::vector<LoraMatrices> adapters;
  // Only kComfyUi and kLightx2v have keys for them. Borrowed for the call.
  const std::vector<LoraDifference>* differences = nullptr;
  double alpha = 0;            // the update is alpha / rank * B A
  DType dtype = DType::kBF16;  // or kF32
  // The base model, to check against. Null only where there is none at hand
  // (converting a file): then shapes are not checked.
  const LinearShapes* base = nullptr;
  TensorMetadata metadata;  // {"format": "pt"} is added
};

// OK when `module` is a linear layer of `base` with these sizes. NotFound for
// a module it does not have (with the nearest one), InvalidArgument for other
// sizes.
[[nodiscard]] absl::Status CheckFitsBase(const std::string& module,
                                         LinearShape shape,
                                         const LinearShapes& base);

// Writes one file, whole or not at all; everything is checked before the first
// byte. A and B are rounded to nearest even when `dtype` is bf16. A format
// without an alpha key gets alpha / rank multiplied into B, in fp32 before the
// rounding; the others get a 0-dim fp32 alpha. A difference that the format
// has no key for is refused. Equal input gives equal bytes.
// InvalidArgument or NotFound name the module; else the codes of
// WriteSafetensors.
[[nodiscard]] absl::Status ExportLora(const std::string& path,
                                      const LoraExport& lora);

// The matrices of one module, fp32; the update of the weight is scale * B A.
struct LoraModule {
  std::string module = {};
  int64_t rank = 0;
  int64_t in = 0;
  int64_t out = 0;
  std::vector<float> a = {};  // [rank, in]
  std::vector<float> b = {};  // [out, rank]
  double scale = 1.0;         // alpha / rank where it is kept apart, else 1
};

// A LoRA that was read, its parts in the order of their names.
struct LoraFile {
  std::vector<LoraModule> modules = {};
  std::vector<LoraDifference> differences = {};
  TensorMetadata metadata = {};
  std::string warning = {};  // a sentence about its scale, or empty
  // BF16 when all of its matrices are that, else F32: holds each of their
  // values as the file has it.
  DType dtype = DType::kF32;
};

// What becomes of alpha / rank, where the file says one: in alpha keys, for
// peft in the adapter_config.json beside it, for diffusers in its metadata.
enum class LoraScale {
  kInB,    // multiplied into B
  kApart,  // LoraModule::scale; B is the file's, bit for bit
};

// Reads a file of any format of lora_names.h, all of it. InvalidArgument names
// the file and the keys as LoraArchive does (lora_archive.h), and the keys of a
// second expert. Else the codes of OpenTensorArchive.
[[nodiscard]] absl::StatusOr<LoraFile> ImportLora(
    const std::string& path, LoraScale scale = LoraScale::kInB);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_LORA_FILE_H_
