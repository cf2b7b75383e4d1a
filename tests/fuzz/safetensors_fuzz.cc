#include "common/store/safetensors_file.h"
#include "fuzz/archive_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const halfpipe::MemoryFile file(data, size);
  const auto contents = halfpipe::ListSafetensors(file.path());
  if (contents.ok()) halfpipe::CheckContents(*contents, size);
  return 0;
}
