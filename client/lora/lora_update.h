// What a LoRA does to the weight it belongs to, on the CPU and without a
// tensor library: for merging files, not for training.
#ifndef HP_CLIENT_LORA_LORA_UPDATE_H_
#define HP_CLIENT_LORA_LORA_UPDATE_H_

#include <cstdint>

#include "common/store/lora_file.h"

namespace halfpipe {

// Adds strength * scale * (B A)[first_row, first_row + rows) to `weight`,
// `rows` rows of lora.in floats. Sums over the rank are float32, in the order
// of the rank, whatever `threads` is. REQUIRES: the rows are within lora.out.
void AddLoraRows(const LoraModule& lora, double strength, int64_t first_row,
                 int64_t rows, int threads, float* weight);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_LORA_UPDATE_H_
