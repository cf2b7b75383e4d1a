// Reads folders of clips that are made from seeds, and compares what is found
// in them with what was put there.
//
//   folders_check SEEDS [FIRST [MEDIA DECODER]]
//                                   seeds FIRST (0) to FIRST + SEEDS - 1
//   folders_check --show FOLDER     what is read of one, for looking at it
//
// A folder with nothing wrong gives all its samples; of one with something
// wrong each problem is named. Whatever was damaged: it is read or refused
// within seconds, twice in the same words, which are UTF-8 and name a file.
// With MEDIA (make_media.sh) and the path of halfpipe-decode, the samples that
// are read become real media, sound and damaged: a check, a scan and a run must
// say the same of each.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/data/media_path.h"
#include "common/data/metadata.h"
#include "fuzz/folder_maker.h"
#include "fuzz/media_agreement.h"
#include "stage/data/content_hashes.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaxSeconds = 20;  // of one folder; then SIGALRM

struct Reading {
  absl::Status status;
  std::vector<Sample> samples;
  std::vector<std::string> warnings;

  [[nodiscard]] std::string Text() const {
    std::string text = status.ToString();
    for (const Sample& sample : samples) {
      absl::StrAppend(&text, "\n", sample.row, " ", sample.media_path, " ",
                      sample.prompt, " ", sample.is_image, " ", sample.where);
    }
    return absl::StrCat(text, "\n", absl::StrJoin(warnings, "\n"));
  }
};

Reading Read(const std::string& root, const std::string& metadata) {
  Reading reading;
  absl::StatusOr<std::vector<Sample>> samples =
      LoadSamples({.root = root,
                   .metadata = metadata,
                   .missing = nullptr,
                   .warnings = &reading.warnings});
  reading.status = samples.status();
  if (samples.ok()) reading.samples = *std::move(samples);
  return reading;
}

// What is wrong with a reading of `root`; "" where nothing is.
class Judge {
 public:
  Judge(const std::string& root, const MadeFolder& made)
      : root_(root), made_(made) {}

  std::string Verdict(const Reading& reading) {
    CheckTexts(reading);
    CheckSamples(reading);
    if (!made_.is_random) CheckFound(reading);
    if (Read(root_, made_.metadata).Text() != reading.Text()) {
      Add("another reading says something else");
    }
    return absl::StrJoin(wrong_, "\n");
  }

 private:
  void Add(const std::string& what) { wrong_.push_back(what); }

  void CheckTexts(const Reading& reading) {
    if (!IsUtf8(reading.Text())) Add("a text is not UTF-8");
    const std::string message(reading.status.message());
    std::vector<std::string> lines = reading.warnings;
    if (!reading.status.ok()) {
      if (!absl::IsInvalidArgument(reading.status)) {
        Add("it is no InvalidArgument");
      }
      for (const absl::string_view line : absl::StrSplit(message, '\n')) {
        lines.emplace_back(line);
      }
    }
    for (const std::string& line : lines) {
      if (!absl::StrContains(line, root_)) Add("no file is named in: " + line);
    }
  }

  // What was read is there, as the encoders will find it.
  void CheckSamples(const Reading& reading) {
    ContentHashes hashes(root_ + ".index");
    for (const Sample& sample : reading.samples) {
      const auto digest = hashes.DigestOf(sample.media_path);
      if (!digest.ok()) Add(digest.status().ToString());
      if (sample.prompt.empty()) Add(sample.where + " has an empty prompt");
    }
  }

  void CheckFound(const Reading& reading) {
    if (!made_.problems.empty()) {
      if (reading.status.ok()) Add("it was read");
      CheckNamed(made_.problems, std::string(reading.status.message()));
      return;
    }
    if (!reading.status.ok()) return Add("it was refused");
    if (static_cast<int64_t>(reading.samples.size()) != made_.samples) {
      Add(absl::StrCat("expected ", made_.samples, " samples"));
    }
    CheckNamed(made_.warnings, absl::StrJoin(reading.warnings, "\n"));
  }

  void CheckNamed(const std::vector<std::string>& parts,
                  const std::string& text) {
    for (const std::string& part : parts) {
      if (!absl::StrContains(text, part)) Add("nothing says: " + part);
    }
  }

  const std::string& root_;
  const MadeFolder& made_;
  std::vector<std::string> wrong_;
};

MadeFolder Make(const std::string& root, uint64_t seed) {
  Draw draw(seed);
  switch (draw.Below(4)) {
    case 0:
      return MakeCaptionFolder(root, &draw);
    case 1:
      return MakeDamagedFolder(root, &draw);
    default:
      return MakeRowsFolder(root, &draw);
  }
}

struct Counts {
  uint64_t read = 0;
  uint64_t refused = 0;
  uint64_t bad = 0;  // not as expected
};

// Of a few samples, each file once: several may be links to one.
std::string CompareMedia(const std::vector<Sample>& samples, uint64_t seed,
                         MediaAgreement* media) {
  constexpr size_t kMost = 4;
  std::set<std::string> files;
  for (const Sample& sample : samples) {
    if (files.size() == kMost) break;
    files.insert(fs::canonical(sample.media_path).string());
  }
  Draw draw(seed);
  return media->Compare({files.begin(), files.end()}, &draw);
}

// Counts a seed's folder; one that is not as expected stays.
void CheckSeed(const std::string& scratch, uint64_t seed,
               std::optional<MediaAgreement>* media, Counts* counts) {
  const std::string root = absl::StrCat(scratch, "/", seed, "/data");
  fs::create_directories(root);
  const MadeFolder made = Make(root, seed);
  alarm(kMaxSeconds);
  const Reading reading = Read(root, made.metadata);
  std::string verdict = Judge(root, made).Verdict(reading);
  if (verdict.empty() && media->has_value() && !reading.samples.empty()) {
    verdict = CompareMedia(reading.samples, seed, &**media);
  }
  alarm(0);
  if (!verdict.empty()) {
    std::cerr << "seed " << seed << " in " << root << ":\n"
              << verdict << "\nof: " << reading.Text() << "\n\n";
    ++counts->bad;
    return;
  }
  ++(reading.status.ok() ? counts->read : counts->refused);
  fs::remove_all(absl::StrCat(scratch, "/", seed));
}

int CheckSeeds(uint64_t first, uint64_t count,
               std::optional<MediaAgreement> media) {
  std::string scratch =
      (fs::temp_directory_path() / "halfpipe-folders-XXXXXX").string();
  if (mkdtemp(scratch.data()) == nullptr) {
    std::perror(scratch.c_str());
    return 1;
  }
  Counts counts;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CheckSeed(scratch, seed, &media, &counts);
  }
  std::cout << count << " folders: " << counts.read << " read, "
            << counts.refused << " refused, " << counts.bad
            << " not as expected\n";
  if (media.has_value()) {
    std::cout << media->read() << " media read, " << media->refused()
              << " refused\n";
  }
  if (counts.bad == 0) fs::remove_all(scratch);
  // Of sixty, both kinds are many; without, nothing was tried.
  const bool tried =
      count < 60 ||
      (counts.read > 9 && counts.refused > 9 &&
       (!media.has_value() || (media->read() > 9 && media->refused() > 9)));
  return counts.bad == 0 && count > 0 && tried ? 0 : 1;
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--show") {
    std::cout << halfpipe::Read(argv[2], "").Text() << "\n";
    return 0;
  }
  if (argc != 2 && argc != 3 && argc != 5) {
    std::cerr << "usage: folders_check SEEDS [FIRST [MEDIA DECODER]] | --show "
                 "FOLDER\n";
    return 2;
  }
  std::optional<halfpipe::MediaAgreement> media;
  if (argc == 5) {
    auto opened = halfpipe::MediaAgreement::Open(argv[3], argv[4]);
    if (!opened.ok()) {
      std::cerr << opened.status() << "\n";
      return 2;
    }
    media = *std::move(opened);
  }
  const uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  return halfpipe::CheckSeeds(first, std::strtoull(argv[1], nullptr, 10),
                              std::move(media));
}
