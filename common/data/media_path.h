// What the names of files say that lie in a data set, and whether a medium's
// may be used.
#ifndef HP_COMMON_DATA_MEDIA_PATH_H_
#define HP_COMMON_DATA_MEDIA_PATH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

enum class MediaKind { kVideo, kImage, kOther };

// By extension, in any case: jpg, jpeg, png, webp, bmp, avif, heic, heif, tif,
// tiff are images; mp4, m4v, avi, mov, wmv, mkv, flv, webm, ts, mts, mpg, mpeg,
// gif, apng are videos. Only for what is listed in a folder: whether a file is
// a picture or a clip its content says (MediaFacts).
[[nodiscard]] MediaKind MediaKindOf(absl::string_view path);

// `written` joined to `root`. InvalidArgument for a URL and for a path that
// leaves `root` ("..", or an absolute path elsewhere). The check is of the text
// alone: a symbolic link that somebody put inside `root` is followed.
[[nodiscard]] absl::StatusOr<std::string> PathInRoot(const std::string& root,
                                                     absl::string_view written);

// Whether `text` is well-formed UTF-8.
[[nodiscard]] bool IsUtf8(absl::string_view text);

// `text` in Unicode's composed form (NFC), which names that look alike and
// differ in their bytes share: systems store an accented letter as one
// character or, as archives made on macOS, as the letter and its accent. Text
// that is not UTF-8 comes back as it is.
[[nodiscard]] std::string ComposedForm(absl::string_view text);

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

#endif  // HP_COMMON_DATA_MEDIA_PATH_H_
