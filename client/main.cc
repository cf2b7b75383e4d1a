// The `halfpipe` program; client/commands/cli.h does the work.
#include <iostream>

#include "client/commands/browser.h"
#include "client/commands/cli.h"
#include "common/base/broken_pipe.h"
#include "common/rpc/grpc_log.h"

// Only a failed allocation could throw, and ends the program either way.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  halfpipe::IgnoreBrokenPipes();
  halfpipe::KeepGrpcLog();
  halfpipe::CommandEnvironment environment;
  environment.open_url = halfpipe::OpenInBrowser;
  return halfpipe::RunCommandLine(argc, argv, std::cout, std::cerr,
                                  environment);
}
