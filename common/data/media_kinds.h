// The kinds of files that lie in a data set, by their names.
#ifndef HP_COMMON_DATA_MEDIA_KINDS_H_
#define HP_COMMON_DATA_MEDIA_KINDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What follows the last dot of the file's name, in small letters; "" without.
[[nodiscard]] std::string ExtensionOf(absl::string_view path);

// The path without its extension and the dot before it.
[[nodiscard]] std::string WithoutExtension(absl::string_view path);

// Whether the name is that of a clip or picture, be it of a kind that is read
// (MediaKindOf) or not.
[[nodiscard]] bool IsNamedLikeMedia(absl::string_view path);

// Whether the name is that of an archive.
[[nodiscard]] bool IsNamedLikeArchive(absl::string_view path);

// Whether the name is that of documentation or of a list (README, LICENSE,
// tags), rather than that of a caption.
[[nodiscard]] bool IsNamedLikeDocumentation(absl::string_view path);

// Whether systems and programs leave such a file or folder among others, so
// that it is passed over: hidden ones, __MACOSX, @eaDir, Thumbs.db.
[[nodiscard]] bool IsLeftBySystem(absl::string_view name);

// "mp4, avi, ... or bmp": the kinds that are read.
[[nodiscard]] std::string KnownMediaKinds();

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_KINDS_H_
