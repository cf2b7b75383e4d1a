#include "common/data/csv.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

class CsvParser {
 public:
  explicit CsvParser(absl::string_view text) : text_(text) {
    absl::ConsumePrefix(&text_, "\xEF\xBB\xBF");
  }

  absl::StatusOr<std::vector<CsvRecord>> Parse() {
    std::vector<CsvRecord> records;
    while (position_ < text_.size()) {
      if (AtLineEnd()) {
        SkipLineEnd();
        continue;
      }
      CsvRecord record{.line = line_, .fields = {}};
      absl::Status status = ParseRecord(record);
      if (!status.ok()) return status;
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  absl::Status ParseRecord(CsvRecord& record) {
    while (true) {
      std::string field;
      if (position_ < text_.size() && text_[position_] == '"') {
        absl::Status status = ParseQuoted(field);
        if (!status.ok()) return status;
      } else {
        while (position_ < text_.size() && text_[position_] != ',' &&
               !AtLineEnd()) {
          field += text_[position_++];
        }
      }
      record.fields.push_back(std::move(field));
      if (position_ >= text_.size()) return absl::OkStatus();
      if (AtLineEnd()) {
        SkipLineEnd();
        return absl::OkStatus();
      }
      ++position_;  // the comma
    }
  }

  absl::Status ParseQuoted(std::string& field) {
    int start = line_;
    ++position_;
    while (position_ < text_.size()) {
      char c = text_[position_++];
      if (c == '\n') ++line_;
      if (c != '"') {
        field += c;
      } else if (position_ < text_.size() && text_[position_] == '"') {
        field += text_[position_++];
      } else if (position_ >= text_.size() || text_[position_] == ',' ||
                 AtLineEnd()) {
        return absl::OkStatus();
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", line_,
                         ": text after a closing quote; double a quote that "
                         "belongs to the text"));
      }
    }
    return absl::InvalidArgumentError(
        absl::StrCat("line ", start, ": a quote opens here and never closes"));
  }

  [[nodiscard]] bool AtLineEnd() const {
    absl::string_view rest = text_.substr(position_, 2);
    return rest == "\r\n" || (!rest.empty() && rest[0] == '\n') || rest == "\r";
  }

  void SkipLineEnd() {
    position_ += text_[position_] == '\r' ? 2 : 1;
    ++line_;
  }

  absl::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<CsvRecord>> ParseCsv(absl::string_view text) {
  return CsvParser(text).Parse();
}

}  // namespace halfpipe
