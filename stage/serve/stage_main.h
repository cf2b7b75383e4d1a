// The main() of both stage programs.
#ifndef HP_STAGE_SERVE_STAGE_MAIN_H_
#define HP_STAGE_SERVE_STAGE_MAIN_H_

#include "common/base/ids.h"

namespace halfpipe {

// `halfpipe-stageR --coordinator ADDRESS ...` serves a coordinator until it is
// told to stop, as stage R, or of halfpipe-stage1 as the one that `--index`
// names; `halfpipe-stageR verify ...` runs one comparison, `probe` says what
// the GPUs of this machine do. Returns the process's exit code (docs/cli.md).
[[nodiscard]] int StageMain(Rank rank, int argc, char** argv);

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_STAGE_MAIN_H_
