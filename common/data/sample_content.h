// The samples of a data set whose files are what their names say.
#ifndef HP_COMMON_DATA_SAMPLE_CONTENT_H_
#define HP_COMMON_DATA_SAMPLE_CONTENT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/data/metadata.h"

namespace halfpipe {

// LoadSamples, and a look at every file's first bytes: a file that came without
// its content (a pointer of Git LFS, a web page, zeros, half a download) is
// named as such, by no digest and no decoder. Every problem at once; codes of
// LoadSamples. With `source.missing` files that are there are left to the
// decoder.
[[nodiscard]] absl::StatusOr<std::vector<Sample>> LoadSamplesWithContent(
    const DataSource& source);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_SAMPLE_CONTENT_H_
