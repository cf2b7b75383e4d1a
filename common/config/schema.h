// Reads a YAML document into a table of fields and collects everything that is
// wrong with it.
#ifndef HP_COMMON_CONFIG_SCHEMA_H_
#define HP_COMMON_CONFIG_SCHEMA_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/config/field.h"
#include "yaml-cpp/yaml.h"

namespace halfpipe {

// The problems of one file, in any order while they are collected.
class ProblemList {
 public:
  // An empty `file_name`: lines without "file:line: ".
  explicit ProblemList(absl::string_view file_name) : file_(file_name) {}

  // `line` counts from 1; 0 is "none". One problem a key is kept, the first.
  void Add(int line, absl::string_view key, absl::string_view what);

  [[nodiscard]] bool Has(absl::string_view key) const;

  // OK, or InvalidArgument with one line a problem, ordered by line.
  [[nodiscard]] absl::Status ToStatus() const;

 private:
  struct Problem {
    int line;
    std::string key;
    std::string what;
  };

  std::string file_;
  std::vector<Problem> problems_;
};

// Where each key and section of the document stands: dotted key -> line.
using KeyLines = std::map<std::string, int, std::less<>>;

// Sets each field that the document holds. Problems found: no YAML, several
// documents, a section that is no mapping, keys that are unknown, misplaced or
// given twice, wrong types, missing required keys. Ranges are CheckFields'.
// Fields that the document does not hold keep their value.
[[nodiscard]] KeyLines ReadFields(absl::string_view yaml,
                                  std::vector<Field>& fields,
                                  ProblemList* problems);

// Adds the problem of each field whose present value is out of range.
void CheckFields(const std::vector<Field>& fields, const KeyLines& lines,
                 ProblemList* problems);

// The line of `key`, else of the section it is missing from, else 1; 0 where
// there are no lines.
[[nodiscard]] int LineOf(absl::string_view key, const KeyLines& lines);

// Why a config file is no text that YAML can be read from: editors of other
// systems save it in encodings that parse as something else, or not at all.
struct TextProblem {
  int line = 0;      // from 1; 0: the whole file
  std::string what;  // with what to do
};

// The first reason why `text` is not UTF-8 text: UTF-16 or UTF-32, a zero byte,
// a byte that is no UTF-8 (in a remark too). A byte order mark is fine.
[[nodiscard]] std::optional<TextProblem> FindEncodingProblem(
    absl::string_view text);

// Why a YAML library may have stumbled at `line` (from 1) where its own words
// do not say so: a tab that indents, up to there. For a text without it:
// nullopt.
[[nodiscard]] std::optional<TextProblem> FindIndentingTab(
    absl::string_view text, int line);

// A typographic quote where a value begins: to YAML it is a letter of the
// value, which then is a file that is not there.
[[nodiscard]] std::optional<TextProblem> FindTypographicQuote(
    absl::string_view text);

// A character that cannot be seen, or looks like another, where YAML or a
// number needs that one: within a key or before it, in place of the colon, at
// an end of a value, in a number. Line ends of CR alone too. The first of them.
[[nodiscard]] std::optional<TextProblem> FindLookAlike(absl::string_view text);

// Of keys of other trainers that mean something else than the key here that
// comes nearest, or count in another unit, worked out from the value that
// stands in the file: what to write in place of the unknown key `name` with
// `value`, as the rest of a message; "" for a name that is not known.
// `document` is the whole file, where other keys may matter. Never throws; the
// nodes are not changed.
[[nodiscard]] std::string ForeignKeyHint(absl::string_view name,
                                         const YAML::Node& value,
                                         const YAML::Node& document);

// Of an unknown key that a person would understand all the same: what to write
// in place of `name` in `section` ("data", "" for the top of the file), or that
// there is no such thing here, as the rest of a message; "" for a word that is
// not known. A word may mean another thing in another section.
[[nodiscard]] std::string MeantKeyHint(absl::string_view section,
                                       absl::string_view name);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_SCHEMA_H_
