// Makes the CPU's matrix products give the same bits again: for the same values
// wherever they lie in memory, and for a group of heads as for all of them.
// MKL, which libtorch's products are made with, otherwise picks its code by
// address, stride and shape. docs/checkpoints.md says which CPUs share bits.
//
// Torch-free: it asks the MKL of this process, whoever brought it.
#ifndef HP_COMMON_BASE_CPU_ARITHMETIC_H_
#define HP_COMMON_BASE_CPU_ARITHMETIC_H_

#include <string>

#include "absl/status/status.h"

namespace halfpipe {

// Sets MKL's reproducible mode for the whole process: the best of AVX512 and
// AVX2 (strict: whatever the address, shape and number of threads) on Intel's
// CPUs, AUTO on those of other makers, which MKL refuses the two, and
// COMPATIBLE where there is none of these. A MKL_CBWR of the user's stands.
// Call it at the start of main(), before other threads and before the first
// product; a process without MKL is none the worse.
// FailedPrecondition: MKL has chosen already, bits may depend on addresses.
[[nodiscard]] absl::Status UseReproducibleProducts();

// The mode that MKL says it is in: "AVX512,STRICT", "AVX2,STRICT",
// "AUTO,STRICT,ZEN" or another of MKL_CBWR's names, with ",ZEN" where it means
// other code on AMD's Zen; "off": none; "absent": there is no MKL in this
// process.
[[nodiscard]] std::string MklMode();

// Which of the variables that choose arithmetic (MKL_CBWR,
// MKL_ENABLE_INSTRUCTIONS, ONEDNN_MAX_CPU_ISA, ATEN_CPU_CAPABILITY) the user
// has set: "MKL_CBWR=AVX2 ATEN_CPU_CAPABILITY=avx2"; empty: none.
[[nodiscard]] std::string ArithmeticSettings();

// The name of a code of MKL's mkl_cbwr_get, as MklMode gives it.
[[nodiscard]] std::string MklModeName(int code);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_CPU_ARITHMETIC_H_
