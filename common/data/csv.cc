#include <utility>

#include "absl/strings/str_cat.h"
#include "common/data/metadata_rows.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

class CsvParser {
 public:
  explicit CsvParser(absl::string_view text) : text_(WithoutMark(text)) {}

  std::vector<CsvRecord> Parse() {
    std::vector<CsvRecord> records;
    while (!AtEnd()) {
      if (SkipBlankLine()) continue;
      CsvRecord record{.line = line_, .fields = {}};
      ParseRecord(record);
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  void ParseRecord(CsvRecord& record) {
    while (true) {
      SkipBlanks();
      std::string field;
      if (!AtEnd() && text_[position_] == '"') {
        ParseQuoted(field, record);
      } else {
        while (!AtFieldEnd()) field += text_[position_++];
      }
      record.fields.push_back(std::move(field));
      if (AtEnd()) return;
      if (AtLineEnd()) return SkipLineEnd();
      ++position_;  // the comma
    }
  }

  void ParseQuoted(std::string& field, CsvRecord& record) {
    const int start = line_;
    ++position_;
    while (!AtEnd()) {
      if (AtLineEnd()) {
        const size_t begin = position_;
        SkipLineEnd();
        field.append(text_.data() + begin, position_ - begin);
        continue;
      }
      const char c = text_[position_++];
      if (c != '"') {
        field += c;
      } else if (!AtEnd() && text_[position_] == '"') {
        field += text_[position_++];
      } else {
        return EndQuoted(field, start, record);
      }
    }
    record.problem = start == record.line
                         ? "a quote opens here and never closes"
                         : absl::StrCat("a quote opens in line ", start,
                                        " and never closes");
  }

  // Behind the closing quote.
  void EndQuoted(const std::string& field, int start, CsvRecord& record) {
    SkipBlanks();
    if (AtFieldEnd()) return;
    record.problem = "text after a closing quote";
    if (start != line_) {
      absl::StrAppend(&record.problem, " in line ", line_,
                      "; it closes the one of line ", start);
    }
    absl::StrAppend(&record.problem,
                    "; double a quote that belongs to the text");
    if (!field.empty() && field.back() == '\\') {
      record.problem += " (\"\", not \\\")";
    }
    while (!AtEnd() && !AtLineEnd()) ++position_;
  }

  [[nodiscard]] bool AtEnd() const { return position_ >= text_.size(); }

  [[nodiscard]] bool AtLineEnd() const {
    return text_[position_] == '\n' || text_[position_] == '\r';
  }

  [[nodiscard]] bool AtFieldEnd() const {
    return AtEnd() || AtLineEnd() || text_[position_] == ',';
  }

  void SkipBlanks() {
    while (!AtEnd() && (text_[position_] == ' ' || text_[position_] == '\t')) {
      ++position_;
    }
  }

  void SkipLineEnd() {
    position_ += text_.substr(position_, 2) == "\r\n" ? 2 : 1;
    ++line_;
  }

  bool SkipBlankLine() {
    const size_t begin = position_;
    SkipBlanks();
    if (AtEnd()) return true;
    if (AtLineEnd()) {
      SkipLineEnd();
      return true;
    }
    position_ = begin;
    return false;
  }

  absl::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<CsvRecord> ParseCsv(absl::string_view text) {
  return CsvParser(text).Parse();
}

}  // namespace halfpipe
