#include "common/model/expert.h"

#include <array>
#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// "high_noise", "a14b-high": what stands beside the word.
constexpr std::array<const char*, 3> kBehind = {"_noise", "-noise", "noise"};
constexpr std::array<const char*, 2> kBefore = {"a14b_", "a14b-"};

bool Says(absl::string_view name, absl::string_view word) {
  for (const char* behind : kBehind) {
    if (absl::StrContains(name, absl::StrCat(word, behind))) return true;
  }
  for (const char* before : kBefore) {
    if (absl::StrContains(name, absl::StrCat(before, word))) return true;
  }
  return false;
}

WanExpert ExpertOfName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  const bool high = Says(lower, "high");
  const bool low = Says(lower, "low");
  if (high == low) return WanExpert::kUnknown;
  return high ? WanExpert::kHighNoise : WanExpert::kLowNoise;
}

// The file, or what it is a link to if that says more.
std::string NamedPath(const std::string& file) {
  std::error_code error;
  const fs::path target = fs::read_symlink(file, error);
  return !error && ExpertOfPath(target.string()) != WanExpert::kUnknown
             ? target.string()
             : file;
}

}  // namespace

WanExpert ExpertOfPath(absl::string_view path) {
  const fs::path place{std::string(path)};
  const WanExpert by_file = ExpertOfName(place.filename().string());
  return by_file != WanExpert::kUnknown
             ? by_file
             : ExpertOfName(place.parent_path().filename().string());
}

absl::Status CheckIsOneExpert(const std::vector<std::string>& files) {
  std::map<WanExpert, std::string> examples;
  for (const std::string& file : files) {
    const std::string named = NamedPath(file);
    examples.try_emplace(ExpertOfPath(named), named);
  }
  if (!examples.contains(WanExpert::kHighNoise) ||
      !examples.contains(WanExpert::kLowNoise)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      examples.at(WanExpert::kHighNoise),
      " is by its name of the high-noise expert, and ",
      examples.at(WanExpert::kLowNoise),
      " of the low-noise one: a model is one of them; give each its own "
      "folder"));
}

}  // namespace halfpipe
