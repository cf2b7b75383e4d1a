// Which code this process's CPU computes with.
#ifndef HP_STAGE_JOB_ARITHMETIC_NAME_H_
#define HP_STAGE_JOB_ARITHMETIC_NAME_H_

#include <string>

namespace halfpipe {

// "mkl AVX512,STRICT, onednn avx512_core_bf16, aten AVX512": what products,
// convolutions and everything else are computed with on the CPU. Processes that
// say the same, with the same number of threads, share bits
// (docs/checkpoints.md).
[[nodiscard]] std::string ArithmeticName();

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_ARITHMETIC_NAME_H_
