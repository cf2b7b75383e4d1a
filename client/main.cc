// The `halfpipe` program; client/commands/cli.h does the work.
#include <iostream>

#include "client/commands/cli.h"
#include "common/base/broken_pipe.h"
#include "common/rpc/grpc_log.h"

// Only a failed allocation could throw, and ends the program either way.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  halfpipe::IgnoreBrokenPipes();
  halfpipe::KeepGrpcLog();
  return halfpipe::RunCommandLine(argc, argv, std::cout, std::cerr);
}
