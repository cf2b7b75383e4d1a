#include "common/data/read_log.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

constexpr int kMaxOfAKind = 20;
constexpr size_t kMaxLines = 1000;

// "metadata.csv" of "metadata.csv:17".
std::string FileOf(const std::string& where) {
  const size_t colon = where.find_last_not_of("0123456789");
  if (colon == std::string::npos || where[colon] != ':') return where;
  return where.substr(0, colon);
}

}  // namespace

void ReadLog::Lines::Add(absl::string_view where, absl::string_view what) {
  ++count;
  std::string place = Shown(where);
  std::string sentence = Shortened(Shown(what));
  Kind& kind = kinds[sentence];
  if (++kind.count == 1) kind.where = place;
  if (kind.count == kMaxOfAKind + 1) order.push_back(sentence);
  if (kind.count > kMaxOfAKind) return;
  lines.push_back(absl::StrCat(place, ": ", sentence));
}

std::vector<std::string> ReadLog::Lines::All() const {
  std::vector<std::string> all = lines;
  for (const std::string& sentence : order) {
    const Kind& kind = kinds.at(sentence);
    all.push_back(absl::StrCat(FileOf(kind.where), ": and ",
                               kind.count - kMaxOfAKind,
                               " more like it: ", sentence));
  }
  if (all.size() > kMaxLines) {
    const size_t more = all.size() - kMaxLines;
    all.resize(kMaxLines);
    all.push_back(absl::StrCat(FileOf(kinds.begin()->second.where), ": and ",
                               more, " more"));
  }
  return all;
}

void ReadLog::Problem(absl::string_view where, absl::string_view what) {
  problems_.Add(where, what);
}

void ReadLog::Warn(absl::string_view where, absl::string_view what) {
  warnings_.Add(where, what);
}

absl::Status ReadLog::ToStatus() const {
  if (ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems_.All(), "\n"));
}

std::vector<std::string> ReadLog::Warnings() const { return warnings_.All(); }

}  // namespace halfpipe
