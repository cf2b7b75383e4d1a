// Progress as text: pure functions, so that a line can be tested.
#ifndef HP_CLIENT_JOBS_PROGRESS_H_
#define HP_CLIENT_JOBS_PROGRESS_H_

#include <string>

#include "common/jobs/job_types.h"

namespace halfpipe {

// "1h02m", "3m20s", "45s"; "?" for a negative or non-finite time.
[[nodiscard]] std::string ReadableSeconds(double seconds);

// "13.2 GiB", "850 MiB", "12 B".
[[nodiscard]] std::string ReadableBytes(int64_t bytes);

// "step 12/2000  loss 0.1234 (avg 0.1301)  2.31 s/it  ETA 1h16m  save in 12m04s
// gpu0 13.2/24 GiB, 8% idle  gpu1 ..."; on one line. A stage whose device has
// no memory of its own says "stage0 8% idle". A negative time left is left out.
[[nodiscard]] std::string StepText(const StepProgress& step);

// What StepText says of one stage.
[[nodiscard]] std::string StageText(const StageUse& stage);

// "weights 10.1 GiB, LoRA 0.2 GiB, ..., free 2.1 GiB": what is not 0; empty
// where nothing is known.
[[nodiscard]] std::string MemoryText(const DeviceMemoryUse& memory);

// "encoding 3/12  clip.mp4".
[[nodiscard]] std::string EncodingText(const EncodingProgress& progress);

// "validation step 100: loss 0.1234, the best so far  (by timestep 978: 0.11,
// ...)".
[[nodiscard]] std::string ValidationText(const ValidationResult& result);

// The event without its time, as `logs` and plain output print it: one line, or
// a list of problems with its further lines indented. Nothing in it that a
// terminal would obey, here and in EncodingText.
[[nodiscard]] std::string EventText(const JobEvent& event);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_PROGRESS_H_
