#include "stage/serve/stage_main.h"

// Only a failed allocation could throw, and ends the program either way.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  return halfpipe::StageMain(halfpipe::Rank(1), argc, argv);
}
