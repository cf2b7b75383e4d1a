#include "common/stage_process/stage_main.h"

int main(int argc, char** argv) {
  return halfpipe::StageMain(halfpipe::Rank(1), argc, argv);
}
