// A data set that is a folder of clips with captions beside them.
#ifndef HP_COMMON_DATA_MEDIA_FOLDER_H_
#define HP_COMMON_DATA_MEDIA_FOLDER_H_

#include <string>
#include <vector>

#include "common/data/metadata.h"

namespace halfpipe {

// Every clip and image under `root`, ordered by path. Adds a line to
// `problems` for each file that cannot be used.
[[nodiscard]] std::vector<Sample> SamplesOfFolder(
    const std::string& root, std::vector<std::string>* problems);

// The prompt of a sample, trimmed; or "" after adding a line to `problems` for
// one that is empty or not UTF-8.
[[nodiscard]] std::string CheckedPrompt(const std::string& text,
                                        const std::string& where,
                                        std::vector<std::string>* problems);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_FOLDER_H_
