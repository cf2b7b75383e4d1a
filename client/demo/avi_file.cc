#include "client/demo/avi_file.h"

#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kBytesOfPixel = 3;
constexpr absl::string_view kFrameTag = "00db";  // stream 0, plain pixels

struct Film {
  uint32_t width, height, frames, frames_per_second;

  [[nodiscard]] uint32_t frame_bytes() const {
    return width * height * kBytesOfPixel;
  }
};

// Little-endian, as all numbers of the format.
std::string Number16(uint32_t value) {
  return {static_cast<char>(value & 0xFF),
          static_cast<char>((value >> 8) & 0xFF)};
}

std::string Number(uint32_t value) {
  return absl::StrCat(Number16(value), Number16(value >> 16));
}

std::string Numbers(std::initializer_list<uint32_t> values) {
  std::string out;
  for (const uint32_t value : values) absl::StrAppend(&out, Number(value));
  return out;
}

std::string Chunk(absl::string_view tag, absl::string_view content) {
  return absl::StrCat(tag, Number(static_cast<uint32_t>(content.size())),
                      content);
}

std::string List(absl::string_view kind, absl::string_view content) {
  return Chunk("LIST", absl::StrCat(kind, content));
}

// Of the file.
std::string MainHeader(const Film& film) {
  constexpr uint32_t kMicroseconds = 1'000'000, kHasIndex = 0x10;
  return Chunk("avih",
               Numbers({kMicroseconds / film.frames_per_second,
                        film.frame_bytes() * film.frames_per_second, 0,
                        kHasIndex, film.frames, 0, 1, film.frame_bytes(),
                        film.width, film.height, 0, 0, 0, 0}));
}

// Of its one stream, and of the pixels in it: Windows' bitmap header, where a
// positive height says that the lowest row comes first.
std::string StreamHeaders(const Film& film) {
  constexpr uint32_t kUnknownQuality = 0xFFFFFFFF, kBitmapHeaderBytes = 40;
  const std::string stream = absl::StrCat(
      "vids", "DIB ",
      Numbers({0, 0, 0, 1, film.frames_per_second, 0, film.frames,
               film.frame_bytes(), kUnknownQuality, 0}),
      Number16(0), Number16(0), Number16(film.width), Number16(film.height));
  const std::string bitmap =
      absl::StrCat(Numbers({kBitmapHeaderBytes, film.width, film.height}),
                   Number16(1), Number16(8 * kBytesOfPixel),
                   Numbers({0, film.frame_bytes(), 0, 0, 0, 0}));
  return List("strl",
              absl::StrCat(Chunk("strh", stream), Chunk("strf", bitmap)));
}

std::string FrameChunk(const std::vector<Rgb>& pixels, const Film& film) {
  HP_CHECK(pixels.size() == size_t{film.width} * film.height);
  std::string bytes;
  bytes.reserve(film.frame_bytes());
  for (uint32_t row = film.height; row-- > 0;) {
    for (uint32_t column = 0; column < film.width; ++column) {
      const Rgb& pixel = pixels[size_t{row} * film.width + column];
      bytes.push_back(static_cast<char>(pixel.blue));
      bytes.push_back(static_cast<char>(pixel.green));
      bytes.push_back(static_cast<char>(pixel.red));
    }
  }
  return Chunk(kFrameTag, bytes);
}

}  // namespace

std::string AviFile(const std::vector<std::vector<Rgb>>& frames, int width,
                    int height, int frames_per_second) {
  HP_CHECK(width > 0 && width % 4 == 0 && height > 0 && frames_per_second > 0);
  constexpr uint32_t kKeyFrame = 0x10;
  const Film film = {
      .width = static_cast<uint32_t>(width),
      .height = static_cast<uint32_t>(height),
      .frames = static_cast<uint32_t>(frames.size()),
      .frames_per_second = static_cast<uint32_t>(frames_per_second)};
  std::string movie = "movi", index;
  for (const std::vector<Rgb>& pixels : frames) {
    absl::StrAppend(&index, kFrameTag,
                    Numbers({kKeyFrame, static_cast<uint32_t>(movie.size()),
                             film.frame_bytes()}));
    absl::StrAppend(&movie, FrameChunk(pixels, film));
  }
  const std::string headers =
      List("hdrl", absl::StrCat(MainHeader(film), StreamHeaders(film)));
  return Chunk("RIFF", absl::StrCat("AVI ", headers, Chunk("LIST", movie),
                                    Chunk("idx1", index)));
}

}  // namespace halfpipe
