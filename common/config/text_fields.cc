#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/nearest.h"
#include "common/base/printable_text.h"
#include "common/config/field_kinds.h"
#include "common/config/job_config.h"

namespace halfpipe {
namespace {

// A path may hold whatever else its file system takes.
std::string ControlProblem(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      return "holds a line break or a control character";
    }
  }
  return "";
}

class FlagValue : public FieldValue {
 public:
  explicit FlagValue(bool* value) : value_(value) {}

  std::string Read(const YAML::Node& node) override {
    bool is_true = node.IsScalar() && node.Scalar() == "true";
    bool is_false = node.IsScalar() && node.Scalar() == "false";
    if (!is_true && !is_false) return ExpectedFound(Allowed(), node);
    *value_ = is_true;
    return "";
  }

  [[nodiscard]] std::string Write() const override {
    return *value_ ? "true" : "false";
  }

  [[nodiscard]] std::string Allowed() const override { return "true or false"; }

 private:
  bool* value_;
};

class TextValue : public FieldValue {
 public:
  TextValue(std::string* value, bool is_path)
      : value_(value), is_path_(is_path) {}

  std::string Read(const YAML::Node& node) override {
    if (!node.IsScalar()) return ExpectedFound(Allowed(), node);
    *value_ = node.Scalar();
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    if (is_path_) return ControlProblem(*value_);
    if (!FirstUnprintable(*value_).has_value()) return "";
    return absl::StrCat("holds a line break or a control character: '",
                        PrintableText(*value_), "'");
  }

  [[nodiscard]] std::string Write() const override {
    return YamlScalar(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    return is_path_ ? "a path" : "text";
  }

  std::string* path() override { return is_path_ ? value_ : nullptr; }

 private:
  std::string* value_;
  bool is_path_;
};

class AlphaValue : public FieldValue {
 public:
  explicit AlphaValue(std::string* value) : value_(value) {}

  std::string Read(const YAML::Node& node) override {
    if (!node.IsScalar()) return ExpectedFound(Allowed(), node);
    *value_ = node.Scalar();
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    if (ParseAlphaChoice(*value_).has_value()) return "";
    return absl::StrCat("expected ", Allowed(), ", found '", *value_, "'");
  }

  [[nodiscard]] std::string Write() const override {
    return YamlScalar(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    return "black, white, refuse or a colour in quotes such as \"#ff8000\"";
  }

 private:
  std::string* value_;
};

class TextListValue : public FieldValue {
 public:
  TextListValue(std::vector<std::string>* value, bool may_be_empty,
                std::string allowed)
      : value_(value),
        may_be_empty_(may_be_empty),
        allowed_(std::move(allowed)) {}

  std::string Read(const YAML::Node& node) override {
    if (!node.IsSequence()) return ExpectedFound(Allowed(), node);
    value_->clear();
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) return ExpectedFound(Allowed(), item);
      value_->push_back(item.Scalar());
    }
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    std::set<std::string> seen;
    for (const std::string& item : *value_) {
      if (item.empty()) return "holds an empty text";
      std::string problem = ControlProblem(item);
      if (!problem.empty()) return problem;
      if (!seen.insert(item).second) {
        return absl::StrCat("holds '", item, "' twice");
      }
    }
    return value_->empty() && !may_be_empty_ ? "expected at least one entry"
                                             : "";
  }

  [[nodiscard]] std::string Write() const override {
    auto quote = [](std::string* out, const std::string& item) {
      out->append(YamlScalar(item));
    };
    return absl::StrCat("[", absl::StrJoin(*value_, ", ", quote), "]");
  }

  [[nodiscard]] std::string Allowed() const override { return allowed_; }

 private:
  std::vector<std::string>* value_;
  bool may_be_empty_;
  std::string allowed_;
};

// The index of the name that `node` holds, or what is wrong.
std::string ReadName(const YAML::Node& node,
                     const std::vector<std::string>& names, size_t* index) {
  if (node.IsScalar()) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != node.Scalar()) continue;
      *index = i;
      return "";
    }
  }
  std::string problem =
      ExpectedFound(absl::StrCat("one of ", absl::StrJoin(names, ", ")), node);
  if (!node.IsScalar()) return problem;
  std::optional<std::string> near = Nearest(node.Scalar(), names);
  if (near) absl::StrAppend(&problem, "; did you mean '", *near, "'?");
  return problem;
}

class ChoiceValue : public FieldValue {
 public:
  ChoiceValue(std::vector<std::string> names, std::function<size_t()> get,
              std::function<void(size_t)> set)
      : names_(std::move(names)), get_(std::move(get)), set_(std::move(set)) {}

  std::string Read(const YAML::Node& node) override {
    size_t index = 0;
    std::string problem = ReadName(node, names_, &index);
    if (problem.empty()) set_(index);
    return problem;
  }

  [[nodiscard]] std::string Write() const override {
    return YamlScalar(names_[get_()]);
  }

  [[nodiscard]] std::string Allowed() const override {
    return absl::StrJoin(names_, ", ");
  }

 private:
  std::vector<std::string> names_;
  std::function<size_t()> get_;
  std::function<void(size_t)> set_;
};

class ChoiceListValue : public FieldValue {
 public:
  ChoiceListValue(std::vector<std::string> names,
                  std::function<std::vector<size_t>()> get,
                  std::function<void(const std::vector<size_t>&)> set)
      : names_(std::move(names)), get_(std::move(get)), set_(std::move(set)) {}

  std::string Read(const YAML::Node& node) override {
    if (!node.IsSequence()) return ExpectedFound(Allowed(), node);
    std::vector<size_t> indexes;
    for (const YAML::Node& item : node) {
      size_t index = 0;
      std::string problem = ReadName(item, names_, &index);
      if (!problem.empty()) return problem;
      indexes.push_back(index);
    }
    set_(indexes);
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    std::vector<size_t> indexes = get_();
    std::set<size_t> unique(indexes.begin(), indexes.end());
    if (unique.size() != indexes.size()) return "holds an entry twice";
    return indexes.empty() ? "expected at least one entry" : "";
  }

  [[nodiscard]] std::string Write() const override {
    auto name = [this](std::string* out, size_t index) {
      out->append(YamlScalar(names_[index]));
    };
    return absl::StrCat("[", absl::StrJoin(get_(), ", ", name), "]");
  }

  [[nodiscard]] std::string Allowed() const override {
    return absl::StrCat("a list of some of ", absl::StrJoin(names_, ", "));
  }

 private:
  std::vector<std::string> names_;
  std::function<std::vector<size_t>()> get_;
  std::function<void(const std::vector<size_t>&)> set_;
};

}  // namespace

FieldValuePtr Flag(bool* value) { return std::make_unique<FlagValue>(value); }

FieldValuePtr Text(std::string* value) {
  return std::make_unique<TextValue>(value, /*is_path=*/false);
}

FieldValuePtr Alpha(std::string* value) {
  return std::make_unique<AlphaValue>(value);
}

FieldValuePtr Path(std::string* value) {
  return std::make_unique<TextValue>(value, /*is_path=*/true);
}

FieldValuePtr TextList(std::vector<std::string>* value) {
  return std::make_unique<TextListValue>(value, /*may_be_empty=*/false,
                                         "a list of texts");
}

FieldValuePtr PathList(std::vector<std::string>* value) {
  return std::make_unique<TextListValue>(value, /*may_be_empty=*/true,
                                         "a list of paths");
}

FieldValuePtr IndexedChoice(std::vector<std::string> names,
                            std::function<size_t()> get,
                            std::function<void(size_t)> set) {
  return std::make_unique<ChoiceValue>(std::move(names), std::move(get),
                                       std::move(set));
}

FieldValuePtr IndexedChoiceList(
    std::vector<std::string> names, std::function<std::vector<size_t>()> get,
    std::function<void(const std::vector<size_t>&)> set) {
  return std::make_unique<ChoiceListValue>(std::move(names), std::move(get),
                                           std::move(set));
}

}  // namespace halfpipe
