// Where a folder that holds no weights may have them: for messages.
#ifndef HP_COMMON_STORE_WEIGHT_FOLDERS_H_
#define HP_COMMON_STORE_WEIGHT_FOLDERS_H_

#include <string>

namespace halfpipe {

// "; of its folders there is X and Y": those with weights in them; "" where
// there is none, or `folder` is a file. Defined beside OpenTensorArchive, which
// decides what weights are.
[[nodiscard]] std::string FoldersWithWeightsHint(const std::string& folder);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_WEIGHT_FOLDERS_H_
