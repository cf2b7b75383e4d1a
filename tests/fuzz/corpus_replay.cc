// Runs a fuzz target over the files of folders, where there is no libFuzzer: a
// finding that was fixed stays in the corpus, so it stays fixed.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "fuzz/fuzz_input.h"

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const auto content = halfpipe::ReadFile(path);
    if (!content.ok()) {
      std::fprintf(stderr, "%s\n", content.status().ToString().c_str());
      return 1;
    }
    std::fprintf(stderr, "%s\n", path.c_str());  // the last one is the culprit
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(content->data()),
                           content->size());
  }
  std::printf("%zu inputs\n", paths.size());
  return paths.empty() ? 1 : 0;  // a corpus that is not there tests nothing
}
