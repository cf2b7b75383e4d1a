// The bytes are a pickle by themselves and a whole .pth file.
#include "common/store/pth_file.h"
#include "common/store/restricted_unpickler.h"
#include "fuzz/archive_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)halfpipe::Pickle::Parse(halfpipe::AsText(data, size));
  const halfpipe::MemoryFile file(data, size);
  const auto contents = halfpipe::ListPth(file.path());
  if (contents.ok()) halfpipe::CheckContents(*contents, size);
  return 0;
}
