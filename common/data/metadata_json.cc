#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/data/media_path.h"
#include "common/data/metadata_columns.h"
#include "common/data/metadata_rows.h"
#include "common/data/readable_text.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<MetadataRow>;

constexpr absl::string_view kUnrelated = "halfpipe/unrelated-json";

// What a parser's tree does not keep of the outermost list or object: the order
// of its keys, and keys that stand twice in one of its elements. The JSON
// library's moves check themselves, which nothing here makes fail.
// NOLINTNEXTLINE(bugprone-exception-escape)
struct JsonDocument {
  Json value;
  std::vector<std::string> keys;           // of an outermost object
  std::map<size_t, std::string> repeated;  // by element; the first of each
};

// Told of everything that is parsed.
class KeyWatch {
 public:
  explicit KeyWatch(JsonDocument* document) : document_(document) {}

  void See(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > 2) return;
    const auto level = static_cast<size_t>(depth);
    if (event == Json::parse_event_t::key) return SeeKey(level, parsed);
    const bool ends = event == Json::parse_event_t::object_end ||
                      event == Json::parse_event_t::array_end;
    if (ends) return;
    if (event == Json::parse_event_t::object_start) open_[level].clear();
    if (depth == 1 && document_->keys.empty()) ++elements_;
  }

 private:
  // A key of an object that was begun one level above.
  void SeeKey(size_t level, const Json& parsed) {
    const auto& key = parsed.get_ref<const std::string&>();
    if (level == 1) {
      document_->keys.push_back(key);
      elements_ = document_->keys.size();
    }
    if (!open_[level - 1].insert(key).second && elements_ > 0) {
      document_->repeated.emplace(elements_ - 1, key);
    }
  }

  JsonDocument* document_;
  std::set<std::string> open_[3];
  size_t elements_ = 0;
};

// Throws what nlohmann throws.
JsonDocument Parse(absl::string_view text) {
  JsonDocument document;
  KeyWatch watch(&document);
  document.value =
      Json::parse(text.begin(), text.end(),
                  [&](int depth, Json::parse_event_t event, Json& parsed) {
                    watch.See(depth, event, parsed);
                    return true;
                  });
  return document;
}

std::string KindOf(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  if (value.is_boolean()) return "true or false";
  return value.is_number() ? "a number" : "text";
}

// One object of a .json or .jsonl file.
MetadataRow RowOfObject(const Json& object, int line) {
  MetadataRow row{.line = line, .problem = "", .cells = {}};
  if (!object.is_object()) {
    row.problem = absl::StrCat("expected an object, found ", KindOf(object));
    return row;
  }
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) {
      row.cells[name] = value.get<std::string>();
    } else {
      row.others[name] = KindOf(value);
    }
  }
  return row;
}

int LineAt(absl::string_view text, size_t offset) {
  return 1 +
         static_cast<int>(std::count(
             text.begin(), text.begin() + std::min(offset, text.size()), '\n'));
}

// The offset of the quote that ends the string which starts at `begin`.
size_t EndOfString(absl::string_view text, size_t begin) {
  size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return i;
}

// Lines on which the elements of the outermost list or object start. `text` is
// known to be JSON, so only strings (which hold no line breaks) and brackets
// need attention.
std::vector<int> ElementLines(absl::string_view text) {
  std::vector<int> lines;
  int line = 1;
  int depth = 0;
  bool expects_element = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (depth == 1 && expects_element && !absl::ascii_isspace(c) && c != ']') {
      lines.push_back(line);
      expects_element = false;
    }
    if (c == '"') i = EndOfString(text, i);
    const bool opens = c == '[' || c == '{';
    if (opens) ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth == 1 && (c == ',' || (opens && lines.empty()))) {
      expects_element = true;
    }
  }
  return lines;
}

// nlohmann's message without its own prefix.
std::string JsonProblem(const Json::exception& error) {
  std::string text = error.what();
  const size_t colon = text.find(": ");
  return Shortened(
      Shown(colon == std::string::npos ? text : text.substr(colon + 2)));
}

// What is wrong at `error`, in our words where the reason is a usual one.
std::string ParseProblem(absl::string_view text,
                         const Json::parse_error& error) {
  const absl::string_view before = absl::StripTrailingAsciiWhitespace(
      text.substr(0, error.byte > 0 ? error.byte - 1 : 0));
  const absl::string_view at =
      text.substr(error.byte > 0 ? std::min(error.byte - 1, text.size()) : 0);
  if (absl::EndsWith(before, ",") &&
      (absl::StartsWith(at, "]") || absl::StartsWith(at, "}"))) {
    return absl::StrCat("is not valid JSON: a comma before the closing '",
                        at.substr(0, 1), "'; remove it");
  }
  if (absl::StripTrailingAsciiWhitespace(at).empty()) {
    return "is not valid JSON: it ends too early";
  }
  if (absl::StartsWith(at, "NaN")) {
    return "is not valid JSON: NaN is Python's missing value; write a text in "
           "its place, or null where none is needed";
  }
  return absl::StrCat("is not valid JSON: ", JsonProblem(error));
}

void SetRepeated(const std::string& key, MetadataRow* row) {
  row->problem = absl::StrCat("has the key '", key, "' twice: remove one");
  row->cells.clear();
  row->others.clear();
}

Rows RowsOfList(const JsonDocument& document, absl::string_view text) {
  const std::vector<int> lines = ElementLines(text);
  Rows all;
  for (size_t i = 0; i < document.value.size(); ++i) {
    MetadataRow row =
        RowOfObject(document.value[i], i < lines.size() ? lines[i] : 1);
    if (const auto it = document.repeated.find(i);
        it != document.repeated.end()) {
      SetRepeated(it->second, &row);
    }
    all.push_back(std::move(row));
  }
  return all;
}

// The rows of one file in an object that maps files to captions.
Rows RowsOfFile(const std::string& file, const Json& captions, int line) {
  MetadataRow row{.line = line, .problem = "", .cells = {{"file_name", file}}};
  if (captions.is_string()) {
    row.cells["caption"] = captions.get<std::string>();
    return Rows{row};
  }
  if (captions.is_object()) {
    row = RowOfObject(captions, line);
    row.cells.emplace("file_name", file);
    return Rows{row};
  }
  if (!captions.is_array()) {
    row.others["caption"] = KindOf(captions);
    return Rows{row};
  }
  Rows rows;
  for (const Json& caption : captions) {
    rows.push_back(row);
    if (caption.is_string()) {
      rows.back().cells["caption"] = caption.get<std::string>();
    } else {
      rows.back().others["caption"] = KindOf(caption);
    }
  }
  if (rows.empty()) {
    row.problem = absl::StrCat("the list of captions of ", file, " is empty");
    row.cells.clear();
    rows.push_back(row);
  }
  return rows;
}

Rows RowsOfMapping(const JsonDocument& document, absl::string_view text) {
  const std::vector<int> lines = ElementLines(text);
  Rows all;
  for (size_t i = 0; i < document.keys.size(); ++i) {
    const std::string& file = document.keys[i];
    Rows rows =
        RowsOfFile(file, document.value[file], i < lines.size() ? lines[i] : 1);
    if (const auto it = document.repeated.find(i);
        it != document.repeated.end()) {
      rows.resize(1);
      SetRepeated(it->second, &rows[0]);
    }
    for (size_t r = 1; r < rows.size(); ++r) rows[r].shares_clip = true;
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

// The key of an outermost object under which its rows are, as "data" is in
// {"data": [...]}; "" without one.
std::string KeyOfRows(const JsonDocument& document) {
  for (const std::string& key : document.keys) {
    const Json& value = document.value[key];
    if (!value.is_array() || value.empty() || !value[0].is_object()) continue;
    if (ColumnsProblem(ColumnsOf({RowOfObject(value[0], 1)})).empty()) {
      return key;
    }
  }
  return "";
}

absl::StatusOr<Rows> RowsOfObject(const JsonDocument& document,
                                  absl::string_view text,
                                  const std::string& file_name) {
  const std::vector<std::string>& keys = document.keys;
  if (std::any_of(keys.begin(), keys.end(), IsNamedLikeMedia)) {
    return RowsOfMapping(document, text);
  }
  if (ColumnsProblem(keys).empty()) {
    MetadataRow row = RowOfObject(document.value, 1);
    if (!document.repeated.empty()) {
      SetRepeated(document.repeated.begin()->second, &row);
    }
    return Rows{row};
  }
  const std::string list = KeyOfRows(document);
  absl::Status unrelated = absl::InvalidArgumentError(absl::StrCat(
      Shown(file_name),
      ":1: expected a list of objects, or an object whose keys are files; "
      "found an object whose keys name no clip",
      list.empty() ? ""
                   : absl::StrCat(": keep nothing but the list that is under '",
                                  Shown(list), "'")));
  unrelated.SetPayload(kUnrelated, absl::Cord());
  return unrelated;
}

bool IsJson(absl::string_view text) {
  return Json::accept(text.begin(), text.end());
}

// The first line that is not blank.
absl::string_view FirstLine(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  return text.substr(0, text.find('\n'));
}

// Whether a file of lines is one document instead, whose one problem is not
// that of each of its lines: a list, or an object over several lines.
bool IsDocument(absl::string_view text) {
  const absl::string_view first =
      absl::StripTrailingAsciiWhitespace(FirstLine(text));
  if (absl::StartsWith(first, "[")) return !IsJson(first) || IsJson(text);
  return absl::StartsWith(first, "{") && !IsJson(first) &&
         (first == "{" || absl::EndsWith(first, ",") || IsJson(text));
}

MetadataRow RowOfLine(absl::string_view text, int line) {
  try {
    const JsonDocument document = Parse(text);
    MetadataRow row = RowOfObject(document.value, line);
    if (!document.repeated.empty()) {
      SetRepeated(document.repeated.begin()->second, &row);
    }
    return row;
  } catch (const Json::parse_error& error) {
    return {.line = line, .problem = ParseProblem(text, error), .cells = {}};
  } catch (const Json::exception& error) {
    return {.line = line,
            .problem = absl::StrCat("is not valid JSON: ", JsonProblem(error)),
            .cells = {}};
  }
}

}  // namespace

bool IsUnrelatedJson(const absl::Status& status) {
  return status.GetPayload(kUnrelated).has_value();
}

absl::StatusOr<Rows> RowsOfJson(absl::string_view text,
                                const std::string& file_name) {
  text = WithoutMark(text);
  const absl::string_view first = FirstLine(text);
  if (absl::StartsWith(first, "{") && first.size() < text.size() &&
      IsJson(first) && !IsJson(text)) {
    return RowsOfJsonLines(text, file_name);
  }
  JsonDocument document;
  try {
    document = Parse(text);
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(file_name), ":", LineAt(text, error.byte), ": ",
                     ParseProblem(text, error)));
  } catch (const Json::exception& error) {
    // No place is told of a number that is too large for a double.
    return absl::InvalidArgumentError(absl::StrCat(
        Shown(file_name), ": is not valid JSON: ", JsonProblem(error)));
  }
  if (document.value.is_array()) return RowsOfList(document, text);
  if (document.value.is_object())
    return RowsOfObject(document, text, file_name);
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(file_name), ":1: expected a list of objects, found ",
                   KindOf(document.value)));
}

absl::StatusOr<Rows> RowsOfJsonLines(absl::string_view text,
                                     const std::string& file_name) {
  text = WithoutMark(text);
  if (IsDocument(text)) return RowsOfJson(text, file_name);
  Rows all;
  int line = 0;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    ++line;
    if (absl::StripAsciiWhitespace(part).empty()) continue;
    all.push_back(RowOfLine(part, line));
  }
  return all;
}

}  // namespace halfpipe
