// A data set that is a folder of clips with captions beside them.
#ifndef HP_COMMON_DATA_MEDIA_FOLDER_H_
#define HP_COMMON_DATA_MEDIA_FOLDER_H_

#include <vector>

#include "common/data/metadata.h"
#include "common/data/read_log.h"

namespace halfpipe {

// Every clip and image below `source.root` that has a caption, ordered by path.
// What cannot be used is a problem in `log`; what is passed over and may not
// have been meant to be, a warning. A caption whose clip is gone goes to
// `source.missing` if that is given.
[[nodiscard]] std::vector<Sample> SamplesOfFolder(const DataSource& source,
                                                  ReadLog* log);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_FOLDER_H_
