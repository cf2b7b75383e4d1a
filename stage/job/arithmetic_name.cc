#include "stage/job/arithmetic_name.h"

#include <ATen/Version.h>
#include <ATen/cpu/Utils.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/cpu_arithmetic.h"

namespace halfpipe {
namespace {

// oneDNN says it to nobody outside libtorch: by the features that it looks for,
// or the user's limit.
std::string OneDnnSet() {
  for (const char* variable : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    const char* limit = std::getenv(variable);
    if (limit != nullptr && *limit != '\0') {
      return absl::StrCat("at most ", absl::AsciiStrToLower(limit));
    }
  }
  const auto features = at::cpu::get_cpu_capabilities();
  const auto has = [&features](const char* name) {
    const auto it = features.find(name);
    return it != features.end() && it->second.isBool() && it->second.toBool();
  };
  if (has("amx_tile") && has("amx_bf16")) return "avx512_core_amx";
  if (has("avx512_fp16")) return "avx512_core_fp16";
  if (has("avx512_bf16")) return "avx512_core_bf16";
  if (has("avx512_vnni")) return "avx512_core_vnni";
  if (has("avx512_bw")) return "avx512_core";
  if (has("avx_vnni")) return "avx2_vnni";
  if (has("avx2")) return "avx2";
  return has("avx") ? "avx" : "sse41";
}

}  // namespace

std::string ArithmeticName() {
  return absl::StrCat("mkl ", MklMode(), ", onednn ", OneDnnSet(), ", aten ",
                      at::get_cpu_capability());
}

}  // namespace halfpipe
