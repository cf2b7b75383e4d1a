// Real media, damaged from a seed: whether what a check says of a file is what
// a run would say.
#ifndef HP_TESTS_FUZZ_MEDIA_AGREEMENT_H_
#define HP_TESTS_FUZZ_MEDIA_AGREEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fuzz/folder_maker.h"

namespace halfpipe {

// Not thread-safe.
class MediaAgreement {
 public:
  // The files of `folder` are sound media of every kind; `decoder` is the path
  // of halfpipe-decode. NotFound without media.
  [[nodiscard]] static absl::StatusOr<MediaAgreement> Open(
      const std::string& folder, const std::string& decoder);

  // Writes a medium to each of `paths`, damaged or not, reads them as a check,
  // a scan and a run do, and returns what differs, a line each, or "". Sound
  // media have to be read.
  [[nodiscard]] std::string Compare(const std::vector<std::string>& paths,
                                    Draw* draw);

  // What was compared so far.
  [[nodiscard]] uint64_t read() const { return read_; }

  [[nodiscard]] uint64_t refused() const { return refused_; }

 private:
  struct Medium {
    std::string name;
    std::string content;
  };

  MediaAgreement(std::vector<Medium> media, std::string decoder)
      : media_(std::move(media)), decoder_(std::move(decoder)) {}

  std::vector<Medium> media_;
  std::string decoder_;
  uint64_t read_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace halfpipe

#endif  // HP_TESTS_FUZZ_MEDIA_AGREEMENT_H_
