// What happens when whoever reads our output, or our socket, has gone.
#ifndef HP_COMMON_BASE_BROKEN_PIPE_H_
#define HP_COMMON_BASE_BROKEN_PIPE_H_

namespace halfpipe {

// A write to nobody fails with EPIPE from now on, instead of ending the
// process (SIGPIPE). First in every main().
void IgnoreBrokenPipes();

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_BROKEN_PIPE_H_
