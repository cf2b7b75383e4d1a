#include "common/config/schema.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/nearest.h"
#include "yaml-cpp/anchor.h"
#include "yaml-cpp/eventhandler.h"

namespace halfpipe {
namespace {

constexpr size_t kMaxDocumentBytes = size_t{1} << 20;

std::string Join(absl::string_view section, absl::string_view leaf) {
  return section.empty() ? std::string(leaf) : absl::StrCat(section, ".", leaf);
}

bool IsSection(const std::vector<Field>& fields, const std::string& key) {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
    return IsWithin(field.section(), key);
  });
}

// The keys and sections that may stand directly in `section`.
std::vector<std::string> NamesIn(const std::vector<Field>& fields,
                                 const std::string& section) {
  std::vector<std::string> names;
  std::string prefix = section.empty() ? "" : section + ".";
  for (const Field& field : fields) {
    if (!absl::StartsWith(field.key, prefix)) continue;
    const absl::string_view rest = field.key.substr(prefix.size());
    const absl::string_view name = rest.substr(0, rest.find('.'));
    if (names.empty() || names.back() != name) names.emplace_back(name);
  }
  return names;
}

// What to write in place of the unknown key `name` of `section`.
std::string Suggestion(const std::vector<Field>& fields,
                       const std::string& section, const std::string& name) {
  if (name == "<<") {
    return "merge keys are not read; write the keys that it stands for";
  }
  std::vector<std::string> elsewhere;
  for (const Field& field : fields) {
    if (field.key == name) {
      return absl::StrCat("write it nested: '", field.leaf(), "' under '",
                          field.section(), "'");
    }
    if (field.leaf() == name && !field.section().empty()) {
      elsewhere.emplace_back(field.section());
    }
    const std::vector<absl::string_view> synonyms =
        absl::StrSplit(field.also_called, ' ');
    if (absl::c_linear_search(synonyms, name)) {
      return absl::StrCat("it is called ", field.key, " here");
    }
  }
  if (!elsewhere.empty()) {
    return absl::StrCat("it belongs under ", absl::StrJoin(elsewhere, " or "));
  }
  std::vector<std::string> names = NamesIn(fields, section);
  if (std::optional<std::string> near = Nearest(name, names)) {
    return absl::StrCat("did you mean '", *near, "'?");
  }
  std::vector<std::string> leaves;
  leaves.reserve(fields.size());
  for (const Field& field : fields) leaves.emplace_back(field.leaf());
  if (std::optional<std::string> near = Nearest(name, leaves)) {
    for (const Field& field : fields) {
      if (field.leaf() == *near) {
        return absl::StrCat("did you mean ", field.key, "?");
      }
    }
  }
  return absl::StrCat("allowed here: ", absl::StrJoin(names, ", "));
}

// Walks the mappings of a document along the table.
class Reader {
 public:
  Reader(std::vector<Field>& fields, const YAML::Node& document,
         ProblemList* problems)
      : fields_(fields), document_(document), problems_(problems) {}

  KeyLines TakeLines() { return std::move(lines_); }

  void ReadDocument() { ReadSection(document_, ""); }

 private:
  void ReadSection(const YAML::Node& map, const std::string& section) {
    for (const auto& entry : map) {
      int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) {
        problems_->Add(line, section, "holds a key that is not a word");
        continue;
      }
      std::string name = entry.first.Scalar();
      std::string key = Join(section, name);
      if (!lines_.emplace(key, line).second) {
        problems_->Add(line, key,
                       absl::StrCat("is given twice (first in line ",
                                    lines_[key], "): remove one"));
        continue;
      }
      ReadEntry(section, name, key, entry.second);
    }
  }

  void ReadEntry(const std::string& section, const std::string& name,
                 const std::string& key, const YAML::Node& value) {
    // A dot in a name must not pass for nesting.
    bool dotted = absl::StrContains(name, ".");
    for (Field& field : fields_) {
      if (field.key != key || dotted) continue;
      std::string problem = field.value->Read(value);
      if (!problem.empty()) problems_->Add(lines_[key], key, problem);
      return;
    }
    if (dotted || !IsSection(fields_, key)) {
      problems_->Add(
          lines_[key], key,
          absl::StrCat("unknown key: ", Instead(section, name, value)));
    } else if (value.IsMap()) {
      ReadSection(value, key);
    } else if (!value.IsNull()) {
      problems_->Add(
          lines_[key], key,
          ExpectedFound(
              absl::StrCat("a mapping with ",
                           absl::StrJoin(NamesIn(fields_, key), ", ")),
              value));
    }
  }

  // What to write in place of an unknown key.
  [[nodiscard]] std::string Instead(const std::string& section,
                                    const std::string& name,
                                    const YAML::Node& value) const {
    // What a word means in its section goes first: output.directory.
    std::string hint = MeantKeyHint(section, name);
    if (hint.empty()) hint = ForeignKeyHint(name, value, document_);
    return hint.empty() ? Suggestion(fields_, section, name) : hint;
  }

  std::vector<Field>& fields_;
  const YAML::Node& document_;
  ProblemList* problems_;
  KeyLines lines_;
};

// Counts documents and keeps nothing of them.
class DocumentCounter : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override { ++count_; }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}

  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {
  }

  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}

  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}

  void OnSequenceEnd() override {}

  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                  YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}

  void OnMapEnd() override {}

  [[nodiscard]] int count() const { return count_; }

 private:
  int count_ = 0;
};

// Whether nothing can follow `first`, the text's first document. A block
// mapping ends at a marker, a directive, less indentation than it has or the
// end of the text; anything else is an error. (Behind a tag or an anchor,
// `Mark` is not where its keys begin.) A job file nearly always is one, and
// reading it again to count documents takes as long as reading it.
bool IsWholeText(const YAML::Node& first, absl::string_view text) {
  return first.IsMap() && first.Style() == YAML::EmitterStyle::Block &&
         first.Mark().column == 0 && !absl::StrContains(text, "---") &&
         !absl::StrContains(text, "...") &&
         text.find_first_of("%!&") == absl::string_view::npos;
}

// Not YAML::LoadAll: where a text begins with a comma, say, yaml-cpp 0.7 makes
// one empty document after another of it, without end. Throws as Load does.
bool HasSeveralDocuments(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentCounter counter;
  while (counter.count() < 2 && parser.HandleNextDocument(counter)) {
  }
  return counter.count() > 1;
}

// The one document of the text; nullopt after adding a problem.
std::optional<YAML::Node> LoadDocument(absl::string_view yaml,
                                       ProblemList* problems) {
  if (yaml.size() > kMaxDocumentBytes) {
    problems->Add(0, "", "is larger than 1 MiB: not a config file");
    return std::nullopt;
  }
  if (const auto problem = FindEncodingProblem(yaml); problem.has_value()) {
    problems->Add(problem->line, "", problem->what);
    return std::nullopt;
  }
  // What YAML makes of the rest says nothing of it.
  if (const auto other = FindLookAlike(yaml); other.has_value()) {
    problems->Add(other->line, "", other->what);
    return std::nullopt;
  }
  if (const auto quote = FindTypographicQuote(yaml); quote.has_value()) {
    problems->Add(quote->line, "", quote->what);
  }
  try {
    const std::string text(yaml);
    YAML::Node first = YAML::Load(text);
    if (!IsWholeText(first, text) && HasSeveralDocuments(text)) {
      problems->Add(
          0, "",
          absl::StrContains(text, "\n[") && !absl::StrContains(text, "---")
              ? "is not YAML, but looks like another tool's TOML; "
                "expected a job file of halfpipe (docs/config.md)"
              : "holds several YAML documents; expected one");
      return std::nullopt;
    }
    return first;
  } catch (const YAML::Exception& error) {
    // Its words about a tab speak of something else.
    if (auto tab = FindIndentingTab(yaml, error.mark.line + 1)) {
      problems->Add(tab->line, "", tab->what);
    } else {
      problems->Add(error.mark.line + 1, "",
                    absl::StrCat("is not valid YAML: ", error.msg));
    }
  } catch (const std::exception& error) {
    problems->Add(0, "", absl::StrCat("is not valid YAML: ", error.what()));
  }
  return std::nullopt;
}

}  // namespace

void ProblemList::Add(int line, absl::string_view key, absl::string_view what) {
  if (!key.empty() && Has(key)) return;
  problems_.push_back({line, std::string(key), std::string(what)});
}

bool ProblemList::Has(absl::string_view key) const {
  return std::any_of(problems_.begin(), problems_.end(),
                     [&](const Problem& p) { return p.key == key; });
}

absl::Status ProblemList::ToStatus() const {
  if (problems_.empty()) return absl::OkStatus();
  std::vector<Problem> ordered = problems_;
  std::stable_sort(
      ordered.begin(), ordered.end(),
      [](const Problem& a, const Problem& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const Problem& problem : ordered) {
    std::string where = file_;
    if (!file_.empty() && problem.line > 0) {
      absl::StrAppend(&where, ":", problem.line);
    }
    if (!where.empty()) where += ": ";
    if (!problem.key.empty()) absl::StrAppend(&where, problem.key, ": ");
    lines.push_back(absl::StrCat(where, problem.what));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

KeyLines ReadFields(absl::string_view yaml, std::vector<Field>& fields,
                    ProblemList* problems) {
  std::optional<YAML::Node> document = LoadDocument(yaml, problems);
  if (!document) return {};
  if (!document->IsNull() && !document->IsMap()) {
    problems->Add(1, "", ExpectedFound("a mapping of keys", *document));
    return {};
  }
  Reader reader(fields, *document, problems);
  // yaml-cpp throws on what it cannot convert; nothing here asks it to, but a
  // broken file must never end the process.
  try {
    if (document->IsMap()) reader.ReadDocument();
  } catch (const std::exception& error) {
    problems->Add(0, "", absl::StrCat("cannot be read: ", error.what()));
  }
  KeyLines lines = reader.TakeLines();
  for (const Field& field : fields) {
    if (!field.role.required || lines.contains(field.key)) {
      continue;
    }
    problems->Add(
        LineOf(field.key, lines), field.key,
        absl::StrCat("is missing: expected ", field.value->Allowed()));
  }
  return lines;
}

void CheckFields(const std::vector<Field>& fields, const KeyLines& lines,
                 ProblemList* problems) {
  for (const Field& field : fields) {
    std::string problem = field.value->Check();
    if (problem.empty()) continue;
    problems->Add(LineOf(field.key, lines), field.key, problem);
  }
}

int LineOf(absl::string_view key, const KeyLines& lines) {
  if (lines.empty()) return 0;
  while (true) {
    if (auto found = lines.find(key); found != lines.end()) {
      return found->second;
    }
    const size_t dot = key.rfind('.');
    if (dot == absl::string_view::npos) return 1;
    key = key.substr(0, dot);
  }
}

}  // namespace halfpipe
