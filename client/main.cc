// The `halfpipe` program; client/cli.h does the work.
#include <iostream>

#include "client/cli.h"

int main(int argc, char** argv) {
  return halfpipe::RunCommandLine(argc, argv, std::cout, std::cerr);
}
