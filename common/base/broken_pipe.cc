#include "common/base/broken_pipe.h"

#include <signal.h>

namespace halfpipe {

void IgnoreBrokenPipes() { signal(SIGPIPE, SIG_IGN); }

}  // namespace halfpipe
