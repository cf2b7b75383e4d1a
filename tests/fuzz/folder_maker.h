// Folders of clips as people have them, from a seed: names in any encoding,
// captions and metadata in every form that is read, links, what systems and
// other programs leave, and all of it damaged here and there. With each comes
// what is to be found in it.
#ifndef HP_TESTS_FUZZ_FOLDER_MAKER_H_
#define HP_TESTS_FUZZ_FOLDER_MAKER_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace halfpipe {

// What a folder holds. With problems, nothing is read, and each is named.
struct MadeFolder {
  std::string metadata;               // for data.metadata
  int64_t samples = 0;                // clips that can be read
  std::vector<std::string> problems;  // parts of what is said, one each
  std::vector<std::string> warnings;  // the same, where there is no problem
  // Bytes were changed at random: nothing is known of what is to be found.
  bool is_random = false;
};

// Draws of one seed: the same on every machine.
class Draw {
 public:
  explicit Draw(uint64_t seed) : engine_(seed) {}

  // From 0 to `count` - 1.
  size_t Below(size_t count) { return engine_() % count; }

  bool OneIn(size_t count) { return Below(count) == 0; }

  template <typename T>
  const T& From(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// A folder of clips with their captions beside them, in `root`, which is empty.
[[nodiscard]] MadeFolder MakeCaptionFolder(const std::string& root, Draw* draw);

// Clips and a file of rows about them.
[[nodiscard]] MadeFolder MakeRowsFolder(const std::string& root, Draw* draw);

// Either, with bytes changed in the files that hold text.
[[nodiscard]] MadeFolder MakeDamagedFolder(const std::string& root, Draw* draw);

// Writes a file and the folders that it needs.
void WriteTo(const std::string& path, const std::string& content);

// A name without extension that no other of `number` has, in UTF-8.
[[nodiscard]] std::string GoodName(Draw* draw, int number);
// The same with bytes that are not UTF-8.
[[nodiscard]] std::string BadName(Draw* draw, int number);

// A caption that is one, as it stands in a file of its own or in a row.
[[nodiscard]] std::string GoodCaption(Draw* draw);

}  // namespace halfpipe

#endif  // HP_TESTS_FUZZ_FOLDER_MAKER_H_
