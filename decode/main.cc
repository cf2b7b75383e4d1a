// halfpipe-decode: reads media files for the stage that started it. It takes
// no arguments; common/data/decode_protocol.h says what it reads and writes.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "common/base/broken_pipe.h"
#include "common/base/status.h"
#include "decode/session.h"

extern "C" {
#include <libavutil/log.h>
}

int main(int argc, char**) {
  halfpipe::IgnoreBrokenPipes();
  if (argc > 1 || isatty(STDIN_FILENO)) {
    std::fputs(
        "halfpipe-decode is started by the stage programs and talks to them "
        "by pipe.\n",
        stderr);
    return static_cast<int>(halfpipe::ExitCode::kUsage);
  }
  // Whatever the parent left open is not for us.
  close_range(3, ~0U, 0);
  // A file's problem goes to the parent as an answer.
  av_log_set_level(AV_LOG_QUIET);
  absl::Status status = halfpipe::RunSession(STDIN_FILENO, STDOUT_FILENO);
  if (!status.ok()) {
    std::string text = "halfpipe-decode: " + status.ToString() + "\n";
    (void)!write(STDERR_FILENO, text.data(), text.size());
  }
  // No destructors and no atexit work: the process is confined.
  _exit(status.ok() ? 0 : static_cast<int>(halfpipe::ExitCode::kJobFailed));
}
