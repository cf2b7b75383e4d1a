// The files below a folder, each once.
#ifndef HP_COMMON_DATA_FOLDER_FILES_H_
#define HP_COMMON_DATA_FOLDER_FILES_H_

#include <string>
#include <vector>

#include "common/data/read_log.h"

namespace halfpipe {

// Every file below `root` (links to files too, wherever they lead), ordered by
// path: the order of a directory differs between machines, and decides which
// sample is which. Hidden files and folders and what systems leave behind are
// passed over. Links to folders are followed after all real folders, and no
// folder is read twice: one that leads to a folder that is read already, or
// that holds the root, is a warning. A folder that cannot be listed is a
// problem.
[[nodiscard]] std::vector<std::string> FilesBelow(const std::string& root,
                                                  ReadLog* log);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_FOLDER_FILES_H_
