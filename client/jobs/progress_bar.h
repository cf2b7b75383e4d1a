// A step as two lines of a terminal: a pure function, so that it can be tested.
#ifndef HP_CLIENT_JOBS_PROGRESS_BAR_H_
#define HP_CLIENT_JOBS_PROGRESS_BAR_H_

#include <string>
#include <vector>

#include "common/jobs/job_types.h"

namespace halfpipe {

// Two lines of at most `columns`:
//   [#######....]  61%  step 1234/2000  2.31 s/it  ETA 1h00m  save in 12m04s
//   loss 0.1234 (avg 0.1301)  gpu0 13.2/24G 8% idle  gpu1 12.0/24G 12% idle
// The bar takes what the first line has left. On a wide terminal the second
// line has the gradient's norm and the learning rate too, on a narrow one less
// of the GPUs; what does not fit is left out whole. The second line keeps two
// more columns free, for the ^C that a terminal writes behind it.
[[nodiscard]] std::vector<std::string> ProgressBar(const StepProgress& step,
                                                   int columns);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_PROGRESS_BAR_H_
