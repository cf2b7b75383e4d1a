#include "common/config/job_config.h"
#include "fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(halfpipe::AsText(data, size));
  const auto config = halfpipe::ParseJobConfig(text, "job.yaml");
  if (!config.ok()) {
    HP_FUZZ_CHECK(!config.status().message().empty());
    return 0;
  }
  HP_FUZZ_CHECK(halfpipe::ValidateJobConfig(*config).ok());
  // What the coordinator stores is read back when the job starts.
  const std::string stored = halfpipe::ToYaml(*config);
  const auto again = halfpipe::ParseJobConfig(stored, "stored config");
  HP_FUZZ_CHECK(again.ok());
  HP_FUZZ_CHECK(halfpipe::ToYaml(*again) == stored);
  HP_FUZZ_CHECK(halfpipe::ConfigDigest(*again) ==
                halfpipe::ConfigDigest(*config));
  return 0;
}
