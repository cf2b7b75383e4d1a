#include "common/base/cpu_arithmetic.h"

#include <dlfcn.h>

#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// mkl_types.h; a wheel of libtorch brings the library without its headers.
constexpr int kAllSettings = ~0;    // MKL_CBWR_ALL
constexpr int kStrict = 0x10000;    // MKL_CBWR_STRICT
constexpr int kAuto = 2;            // MKL_CBWR_AUTO
constexpr int kCompatible = 3;      // MKL_CBWR_COMPATIBLE
constexpr int kAvx2 = 10;           // MKL_CBWR_AVX2
constexpr int kAvx512 = 12;         // MKL_CBWR_AVX512
constexpr int kChosenAlready = -8;  // MKL_CBWR_ERR_MODE_CHANGE_FAILURE

using MklFunction = int (*)(int);

// What MKL exports: its C name, or the one that libtorch's wheels keep of it.
MklFunction FindMkl(const char* public_name, const char* internal_name) {
  for (const char* name : {public_name, internal_name}) {
    if (void* symbol = dlsym(RTLD_DEFAULT, name); symbol != nullptr) {
      return reinterpret_cast<MklFunction>(symbol);
    }
  }
  return nullptr;
}

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool IsIntel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_is("intel") != 0;
#else
  return false;
#endif
}

// For a MKL that exports nothing: it reads the variable at its first product.
// Of a CPU of another maker it takes AVX2 for AUTO.
void SetVariable() {
  const char* mode = "COMPATIBLE";
#if defined(__x86_64__)
  const bool is_intel = IsIntel();
  if (__builtin_cpu_supports("avx2") != 0) mode = "AVX2,STRICT";
  if (is_intel && __builtin_cpu_supports("avx512bw") != 0) {
    mode = "AVX512,STRICT";
  }
#endif
  setenv("MKL_CBWR", mode, /*overwrite=*/0);
}

// What MKL computes with in AUTO is one thing on AMD's Zen, whose AVX2 it uses
// there, and another elsewhere.
bool IsZenCode(int code) {
  if ((code & 0xffff) != kAuto) return false;
  void* symbol = dlsym(RTLD_DEFAULT, "mkl_serv_cpuiszen");
  if (symbol != nullptr) return reinterpret_cast<int (*)()>(symbol)() != 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_is("amd") != 0 && __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

}  // namespace

absl::Status UseReproducibleProducts() {
  if (IsSet("MKL_CBWR")) return absl::OkStatus();
  const MklFunction set = FindMkl("MKL_CBWR_Set", "mkl_serv_cbwr_set");
  if (set == nullptr) {
    SetVariable();
    return absl::OkStatus();
  }
  int result = 0;
  for (const int mode :
       {kAvx512 | kStrict, kAvx2 | kStrict, kAuto | kStrict, kCompatible}) {
    // On Intel's without AVX2 COMPATIBLE is the one that is fixed.
    if (mode == (kAuto | kStrict) && IsIntel()) continue;
    result = set(mode);
    if (result == 0) return absl::OkStatus();
    if (result == kChosenAlready) break;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "MKL did not take a reproducible mode (", result,
      "): results on the CPU may differ in their last bits from run to run; "
      "set MKL_CBWR=COMPATIBLE"));
}

std::string MklModeName(int code) {
  // From MKL_CBWR_OFF on, in the order of mkl_types.h.
  static constexpr const char* kNames[] = {
      "off",        "AUTO",   "COMPATIBLE",    "SSE2",     "SSE3",
      "SSSE3",      "SSE4_1", "SSE4_2",        "AVX",      "AVX2",
      "AVX512_MIC", "AVX512", "AVX512_MIC_E1", "AVX512_E1"};
  const int branch = code & 0xffff;
  if (code < 0 || branch < 1 || branch > static_cast<int>(std::size(kNames))) {
    return absl::StrCat("unknown (", code, ")");
  }
  return absl::StrCat(kNames[branch - 1],
                      (code & kStrict) != 0 ? ",STRICT" : "");
}

std::string MklMode() {
  const MklFunction get = FindMkl("MKL_CBWR_Get", "mkl_serv_cbwr_get");
  if (get != nullptr) {
    const int code = get(kAllSettings);
    return absl::StrCat(MklModeName(code), IsZenCode(code) ? ",ZEN" : "");
  }
  const char* variable = std::getenv("MKL_CBWR");
  return variable == nullptr ? "absent" : variable;
}

std::string ArithmeticSettings() {
  std::string text;
  for (const char* variable : {"MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
                               "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"}) {
    if (!IsSet(variable)) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", variable, "=",
                    std::getenv(variable));
  }
  return text;
}

}  // namespace halfpipe
