#include "common/store/strict_json.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

using nlohmann::json;

// What is wrong with `text` at its byte `position` (from 1), in our words: the
// parser's are for programmers.
std::string SyntaxProblem(absl::string_view text, size_t position) {
  if (absl::StripAsciiWhitespace(text).empty()) return "it is empty";
  const auto line_at = [&](size_t at) {
    return 1 + std::count(text.begin(), text.begin() + at, '\n');
  };
  if (const auto bad = FirstInvalidByte(text)) {
    return absl::StrCat("line ", line_at(*bad), " is not UTF-8");
  }
  const absl::string_view read =
      text.substr(0, position > 0 ? position - 1 : 0);
  if (absl::StripAsciiWhitespace(text.substr(read.size())).empty()) {
    return absl::StrCat("it ends too early, in line ", line_at(text.size()));
  }
  const size_t line_begin = read.rfind('\n');
  const size_t column = line_begin == absl::string_view::npos
                            ? read.size() + 1
                            : read.size() - line_begin;
  return absl::StrCat("line ", line_at(read.size()), ", column ", column,
                      ": nothing of JSON may stand there");
}

// Builds the value from the parser's events and stops at the first thing that
// is not allowed. Containers on the stack do not move: only the innermost one
// grows, and its elements are never on the stack while it does.
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  StrictBuilder(absl::string_view text, int max_depth)
      : text_(text), max_depth_(max_depth) {}

  bool null() override { return Add(nullptr) != nullptr; }

  bool boolean(bool value) override { return Add(value) != nullptr; }

  bool number_integer(number_integer_t value) override {
    return Add(value) != nullptr;
  }

  bool number_unsigned(number_unsigned_t value) override {
    return Add(value) != nullptr;
  }

  bool number_float(number_float_t value, const string_t&) override {
    return Add(value) != nullptr;
  }

  bool string(string_t& value) override {
    return Add(std::move(value)) != nullptr;
  }

  bool binary(binary_t&) override { return Fail("binary data"); }

  bool start_object(size_t) override { return Open(json::object()); }

  bool start_array(size_t) override { return Open(json::array()); }

  bool end_object() override { return Close(); }

  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (stack_.back()->contains(name)) {
      return Fail(absl::StrCat("the key '", name, "' is given twice"));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(SyntaxProblem(text_, position));
  }

  [[nodiscard]] absl::StatusOr<json> Take(bool parsed) {
    if (parsed && error_.empty()) return std::move(root_);
    return absl::InvalidArgumentError(absl::StrCat(
        "not valid JSON: ", error_.empty() ? "it cannot be parsed" : error_));
  }

 private:
  json* Add(json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }

  bool Open(json container) {
    if (stack_.size() >= static_cast<size_t>(max_depth_)) {
      return Fail(absl::StrCat("more than ", max_depth_, " nested levels"));
    }
    stack_.push_back(Add(std::move(container)));
    return true;
  }

  bool Close() {
    stack_.pop_back();
    return true;
  }

  bool Fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return false;
  }

  const absl::string_view text_;
  const int max_depth_;
  json root_;
  std::vector<json*> stack_;
  std::string key_;
  std::string error_;
};

}  // namespace

absl::StatusOr<json> ParseStrictJson(absl::string_view text, int max_depth) {
  StrictBuilder builder(text, max_depth);
  bool parsed = json::sax_parse(text.begin(), text.end(), &builder);
  return builder.Take(parsed);
}

std::optional<int64_t> AsCount(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  uint64_t count = value.get<uint64_t>();
  if (count > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<int64_t>(count);
}

}  // namespace halfpipe
