// The `halfpipe` command line as a function.
#ifndef HP_CLIENT_CLI_H_
#define HP_CLIENT_CLI_H_

#include <ostream>

namespace halfpipe {

// Parses and runs one command; returns the process's exit code. Results go to
// `out`, errors and hints to `err`. Not thread-safe: it may block signals.
[[nodiscard]] int RunCommandLine(int argc, const char* const* argv,
                                 std::ostream& out, std::ostream& err);

}  // namespace halfpipe

#endif  // HP_CLIENT_CLI_H_
