// Which folders halfpipe may delete: those that it can prove to be its own.
#ifndef HP_COORDINATOR_STORE_OWNED_FOLDER_H_
#define HP_COORDINATOR_STORE_OWNED_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/owner_file.h"

namespace halfpipe {

// Makes `path`, which must not exist, and its owner file. AlreadyExists.
[[nodiscard]] absl::Status MakeOwnedFolder(const std::string& path);

// Takes the owner file out: the folder has a manifest by now.
[[nodiscard]] absl::Status TakeOwnerFile(const std::string& path);

// A folder, not a link to one, with our owner file or a checkpoint's manifest
// in it. A name alone proves nothing: folders named .tmp-something are other
// people's, too.
[[nodiscard]] bool IsOwnedFolder(const std::string& path);

// Deletes an owned folder with all that is in it, the proof last: what an
// interrupted call leaves is owned still. FailedPrecondition, and nothing is
// touched, for one that is not; OK where there is none.
[[nodiscard]] absl::Status RemoveOwnedFolder(const std::string& path);

// A path in `parent` that is free for a folder called `name`: `name` itself,
// after an owned folder that had it is deleted, else name-2, name-3, ... where
// somebody else's have it.
[[nodiscard]] absl::StatusOr<std::string> FreeFolderPath(
    const std::string& parent, const std::string& name);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_OWNED_FOLDER_H_
