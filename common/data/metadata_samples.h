// The samples of a data set, from the rows of a metadata file or from a folder
// of clips with captions beside them.
#ifndef HP_COMMON_DATA_METADATA_SAMPLES_H_
#define HP_COMMON_DATA_METADATA_SAMPLES_H_

#include <string>
#include <vector>

#include "common/data/metadata.h"
#include "common/data/metadata_rows.h"
#include "common/data/read_log.h"

namespace halfpipe {

// A sample for each row that names a clip and its caption, in the rows' order.
// `file` is where the rows stand, `captions_file` where their captions do if
// that is another one, else "". What is wrong with a row is a problem; columns
// that nobody reads, clips named twice, and clips beside those that are named
// are warnings.
[[nodiscard]] std::vector<Sample> SamplesOfRows(
    const std::vector<MetadataRow>& rows, const DataSource& source,
    const std::string& file, const std::string& captions_file, ReadLog* log);

// Every clip and image below `source.root` that has a caption, ordered by path.
// What cannot be used is a problem in `log`; what is passed over and may not
// have been meant to be, a warning. A caption whose clip is gone goes to
// `source.missing` if that is given.
[[nodiscard]] std::vector<Sample> SamplesOfFolder(const DataSource& source,
                                                  ReadLog* log);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_SAMPLES_H_
