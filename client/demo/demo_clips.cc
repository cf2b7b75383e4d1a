#include "client/demo/demo_clips.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/demo/avi_file.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Each picture is a function of the place, from -1 to 1 on both axes with y
// downwards, and of the time, from 0 to 1.
using Picture = Rgb (*)(double x, double y, double time);

constexpr double kPi = 3.141592653589793;

Rgb Mixed(const Rgb& a, const Rgb& b, double share) {
  const auto mix = [share](uint8_t from, uint8_t to) {
    return static_cast<uint8_t>(std::lround(from + share * (to - from)));
  };
  return {.red = mix(a.red, b.red),
          .green = mix(a.green, b.green),
          .blue = mix(a.blue, b.blue)};
}

Rgb MovingBars(double x, double /*y*/, double time) {
  constexpr Rgb kColours[] = {{235, 235, 235}, {235, 235, 16}, {16, 235, 235},
                              {16, 235, 16},   {235, 16, 235}, {235, 16, 16},
                              {16, 16, 235},   {16, 16, 16}};
  const double place = 4.0 * (x + 1.0) + 8.0 * (1.0 - time / 2.0);
  return kColours[static_cast<int>(place) % 8];
}

Rgb RollingBall(double x, double y, double time) {
  const double middle = -0.7 + 1.4 * time;
  if (std::hypot(x - middle, y - 0.2) < 0.3) return {250, 250, 250};
  return y < 0.5 ? Rgb{170, 205, 240} : Rgb{40, 130, 50};
}

Rgb ZoomIntoMandelbrot(double x, double y, double time) {
  constexpr int kMostRounds = 48;
  const double scale = 1.3 * std::pow(0.4, time);
  const std::complex<double> place(-0.6 + scale * x, scale * y);
  std::complex<double> point = 0.0;
  int round = 0;
  while (round < kMostRounds && std::norm(point) < 4.0) {
    point = point * point + place;
    ++round;
  }
  if (round == kMostRounds) return {0, 0, 0};
  return Mixed({10, 20, 90}, {255, 240, 180},
               std::min(1.0, round / (0.5 * kMostRounds)));
}

Rgb Ripples(double x, double y, double time) {
  const double wave = std::cos(12.0 * std::hypot(x, y) - 4.0 * kPi * time);
  return Mixed({5, 40, 80}, {150, 220, 240}, 0.5 + 0.5 * wave);
}

Rgb TurningGradient(double x, double y, double time) {
  const double angle = kPi * time;
  const double along = x * std::cos(angle) + y * std::sin(angle);
  return Mixed({230, 30, 30}, {30, 30, 230},
               std::clamp(0.5 + along / 2.0, 0.0, 1.0));
}

Rgb FlatStripes(double /*x*/, double y, double /*time*/) {
  if (y < -1.0 / 3.0) return {230, 20, 20};
  return y < 1.0 / 3.0 ? Rgb{20, 200, 20} : Rgb{20, 20, 230};
}

struct Clip {
  Picture picture;
  const char* caption;
};

constexpr Clip kClips[] = {
    {MovingBars, "eight bright colour bars that wander slowly to the right"},
    {RollingBall, "a white ball rolls over a green lawn under a pale blue sky"},
    {ZoomIntoMandelbrot,
     "a slow zoom into the black heart of the Mandelbrot set"},
    {Ripples, "rings of light spread from the middle, like ripples on a pond"},
    {TurningGradient,
     "a soft gradient from red to blue that turns, like light through water"},
    {FlatStripes, "three flat stripes: red, green and blue"}};

std::vector<Rgb> Frame(Picture picture, int frame) {
  const auto coordinate = [](int pixel) {
    return (2.0 * pixel + 1.0) / kDemoClipSide - 1.0;
  };
  const double time = static_cast<double>(frame) / kDemoClipFrames;
  std::vector<Rgb> pixels;
  pixels.reserve(size_t{kDemoClipSide} * kDemoClipSide);
  for (int row = 0; row < kDemoClipSide; ++row) {
    for (int column = 0; column < kDemoClipSide; ++column) {
      pixels.push_back(picture(coordinate(column), coordinate(row), time));
    }
  }
  return pixels;
}

}  // namespace

std::vector<std::string> DemoCaptions() {
  std::vector<std::string> captions;
  for (const Clip& clip : kClips) captions.emplace_back(clip.caption);
  return captions;
}

absl::Status WriteDemoClips(const std::string& folder) {
  constexpr int kFramesPerSecond = 16;
  HP_RETURN_IF_ERROR(MakeDirectories(folder));
  std::string rows = "video,prompt\n";
  int number = 0;
  for (const Clip& clip : kClips) {
    const std::string name = absl::StrCat("clip-", ++number, ".avi");
    std::vector<std::vector<Rgb>> frames;
    for (int i = 0; i < kDemoClipFrames; ++i) {
      frames.push_back(Frame(clip.picture, i));
    }
    HP_RETURN_IF_ERROR(WriteFileAtomically(
        absl::StrCat(folder, "/", name),
        AviFile(frames, kDemoClipSide, kDemoClipSide, kFramesPerSecond)));
    absl::StrAppend(&rows, name, ",\"", clip.caption, "\"\n");
  }
  return WriteFileAtomically(folder + "/metadata.csv", rows);
}

}  // namespace halfpipe
