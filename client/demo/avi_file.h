// Films whose pixels are stored as they are: what can be written without an
// encoder.
#ifndef HP_CLIENT_DEMO_AVI_FILE_H_
#define HP_CLIENT_DEMO_AVI_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace halfpipe {

struct Rgb {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};

// The content of an AVI file of these frames, each width * height pixels by
// rows from the top. REQUIRES: a width that is a multiple of 4 (rows without
// filling), and less than 1 GiB of pixels.
[[nodiscard]] std::string AviFile(const std::vector<std::vector<Rgb>>& frames,
                                  int width, int height, int frames_per_second);

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_AVI_FILE_H_
