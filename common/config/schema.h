// Reads a YAML document into a table of fields and collects everything that is
// wrong with it.
#ifndef HP_COMMON_CONFIG_SCHEMA_H_
#define HP_COMMON_CONFIG_SCHEMA_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/config/field.h"

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

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_SCHEMA_H_
