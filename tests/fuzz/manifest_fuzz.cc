#include "common/store/checkpoint_manifest.h"
#include "fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest =
      halfpipe::ManifestFromJson(halfpipe::AsText(data, size));
  if (!manifest.ok()) return 0;
  for (const halfpipe::FileEntry& file : manifest->files) {
    HP_FUZZ_CHECK(file.name.find('/') == std::string::npos);
  }
  const auto again = halfpipe::ManifestFromJson(halfpipe::ToJson(*manifest));
  HP_FUZZ_CHECK(again.ok() && *again == *manifest);
  return 0;
}
