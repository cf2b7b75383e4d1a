#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/field_kinds.h"
#include "common/config/quantity.h"

namespace halfpipe {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

bool IsAuto(const YAML::Node& node) {
  return node.IsScalar() && node.Scalar() == "auto";
}

bool ReadInt(const YAML::Node& node, int64_t* value) {
  return node.IsScalar() && absl::SimpleAtoi(node.Scalar(), value);
}

bool ReadReal(const YAML::Node& node, double* value) {
  return node.IsScalar() && absl::SimpleAtod(node.Scalar(), value) &&
         std::isfinite(*value);
}

std::string IntRange(int64_t min, int64_t max) {
  if (max == kNoLimit) return absl::StrCat("an integer >= ", min);
  return absl::StrCat("an integer from ", min, " to ", max);
}

class IntegerValue : public FieldValue {
 public:
  IntegerValue(int64_t* value, int64_t min, int64_t max)
      : value_(value), min_(min), max_(max) {}

  std::string Read(const YAML::Node& node) override {
    return ReadInt(node, value_) ? "" : ExpectedFound(Allowed(), node);
  }

  [[nodiscard]] std::string Check() const override {
    if (*value_ >= min_ && *value_ <= max_) return "";
    return absl::StrCat("expected ", Allowed(), ", found ", *value_);
  }

  [[nodiscard]] std::string Write() const override {
    return absl::StrCat(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    return IntRange(min_, max_);
  }

 private:
  int64_t* value_;
  int64_t min_, max_;
};

class IntegerOrAutoValue : public FieldValue {
 public:
  IntegerOrAutoValue(std::optional<int64_t>* value, int64_t min, int64_t max)
      : value_(value), min_(min), max_(max) {}

  std::string Read(const YAML::Node& node) override {
    value_->reset();
    if (IsAuto(node)) return "";
    int64_t number = 0;
    if (!ReadInt(node, &number)) return ExpectedFound(Allowed(), node);
    *value_ = number;
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    if (!*value_ || (**value_ >= min_ && **value_ <= max_)) return "";
    return absl::StrCat("expected ", Allowed(), ", found ", **value_);
  }

  [[nodiscard]] std::string Write() const override {
    return *value_ ? absl::StrCat(**value_) : "auto";
  }

  [[nodiscard]] std::string Allowed() const override {
    return absl::StrCat("auto, or ", IntRange(min_, max_));
  }

 private:
  std::optional<int64_t>* value_;
  int64_t min_, max_;
};

class PairOrAutoValue : public FieldValue {
 public:
  PairOrAutoValue(std::optional<std::array<int64_t, 2>>* value, int64_t min,
                  int64_t max)
      : value_(value), min_(min), max_(max) {}

  std::string Read(const YAML::Node& node) override {
    value_->reset();
    if (IsAuto(node)) return "";
    std::array<int64_t, 2> pair{};
    bool good = node.IsSequence() && node.size() == 2 &&
                ReadInt(node[0], &pair[0]) && ReadInt(node[1], &pair[1]);
    if (!good) return ExpectedFound(Allowed(), node);
    *value_ = pair;
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    if (!*value_) return "";
    for (int64_t number : **value_) {
      if (number >= min_ && number <= max_) continue;
      return absl::StrCat("expected ", Allowed(), ", found ", Write());
    }
    return "";
  }

  [[nodiscard]] std::string Write() const override {
    if (!*value_) return "auto";
    return absl::StrCat("[", absl::StrJoin(**value_, ", "), "]");
  }

  [[nodiscard]] std::string Allowed() const override {
    return absl::StrCat("auto, or [a, b], each ", IntRange(min_, max_));
  }

 private:
  std::optional<std::array<int64_t, 2>>* value_;
  int64_t min_, max_;
};

class RealValue : public FieldValue {
 public:
  RealValue(double* value, double min, double max, LowerEnd end)
      : value_(value), min_(min), max_(max), end_(end) {}

  std::string Read(const YAML::Node& node) override {
    return ReadReal(node, value_) ? "" : ExpectedFound(Allowed(), node);
  }

  [[nodiscard]] std::string Check() const override {
    bool above = end_ == LowerEnd::kOpen ? *value_ > min_ : *value_ >= min_;
    if (above && *value_ <= max_) return "";
    return absl::StrCat("expected ", Allowed(), ", found ", *value_);
  }

  [[nodiscard]] std::string Write() const override {
    return FormatReal(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    absl::string_view sign = end_ == LowerEnd::kOpen ? "> " : ">= ";
    std::string text = absl::StrCat("a number ", sign, min_);
    if (!std::isinf(max_)) absl::StrAppend(&text, " and <= ", max_);
    return text;
  }

 private:
  double* value_;
  double min_, max_;
  LowerEnd end_;
};

class RatioPairValue : public FieldValue {
 public:
  explicit RatioPairValue(std::array<double, 2>* value) : value_(value) {}

  std::string Read(const YAML::Node& node) override {
    bool good = node.IsSequence() && node.size() == 2 &&
                ReadReal(node[0], &(*value_)[0]) &&
                ReadReal(node[1], &(*value_)[1]);
    return good ? "" : ExpectedFound(Allowed(), node);
  }

  [[nodiscard]] std::string Check() const override {
    for (double ratio : *value_) {
      if (ratio >= 0.0 && ratio < 1.0) continue;
      return absl::StrCat("expected ", Allowed(), ", found ", Write());
    }
    return "";
  }

  [[nodiscard]] std::string Write() const override {
    return absl::StrCat("[", FormatReal((*value_)[0]), ", ",
                        FormatReal((*value_)[1]), "]");
  }

  [[nodiscard]] std::string Allowed() const override {
    return "[a, b], each a number >= 0 and < 1";
  }

 private:
  std::array<double, 2>* value_;
};

class BytesValue : public FieldValue {
 public:
  BytesValue(int64_t* value, int64_t min, int64_t max)
      : value_(value), min_(min), max_(max) {}

  std::string Read(const YAML::Node& node) override {
    if (!node.IsScalar()) return ExpectedFound(Allowed(), node);
    absl::StatusOr<int64_t> bytes = ParseBytes(node.Scalar());
    if (!bytes.ok()) return ExpectedFound(Allowed(), node);
    *value_ = *bytes;
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    if (*value_ >= min_ && *value_ <= max_) return "";
    return absl::StrCat("expected ", Allowed(), ", found ", Write());
  }

  [[nodiscard]] std::string Write() const override {
    return FormatBytes(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    return absl::StrCat("a size from ", FormatBytes(min_), " to ",
                        FormatBytes(max_));
  }

 private:
  int64_t* value_;
  int64_t min_;
  int64_t max_;
};

class BytesOrAutoValue : public FieldValue {
 public:
  explicit BytesOrAutoValue(int64_t* value) : value_(value) {}

  std::string Read(const YAML::Node& node) override {
    if (IsAuto(node)) {
      *value_ = 0;
      return "";
    }
    if (!node.IsScalar()) return ExpectedFound(Allowed(), node);
    absl::StatusOr<int64_t> bytes = ParseBytes(node.Scalar());
    if (!bytes.ok() || *bytes <= 0) return ExpectedFound(Allowed(), node);
    *value_ = *bytes;
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    return *value_ >= 0 ? "" : "is a negative size";
  }

  [[nodiscard]] std::string Write() const override {
    return *value_ == 0 ? "auto" : FormatBytes(*value_);
  }

  [[nodiscard]] std::string Allowed() const override {
    return "auto, or a size such as 22GiB";
  }

 private:
  int64_t* value_;
};

class StepsOrDurationValue : public FieldValue {
 public:
  explicit StepsOrDurationValue(SaveInterval* value) : value_(value) {}

  std::string Read(const YAML::Node& node) override {
    // `save_every: {steps: 250}` is a longer spelling of `save_every: 250`.
    if (node.IsMap() && node.size() == 1 && node["steps"]) {
      return Read(node["steps"]);
    }
    int64_t steps = 0;
    if (ReadInt(node, &steps)) {
      *value_ = {.steps = steps, .seconds = 0};
      return "";
    }
    if (!node.IsScalar()) return ExpectedFound(Allowed(), node);
    absl::StatusOr<int64_t> seconds = ParseSeconds(node.Scalar());
    if (!seconds.ok()) return ExpectedFound(Allowed(), node);
    *value_ = {.steps = 0, .seconds = *seconds};
    return "";
  }

  [[nodiscard]] std::string Check() const override {
    bool good = value_->steps >= 0 && value_->seconds >= 0 &&
                (value_->steps > 0) != (value_->seconds > 0);
    return good ? "" : absl::StrCat("expected ", Allowed());
  }

  [[nodiscard]] std::string Write() const override {
    return value_->steps > 0 ? absl::StrCat(value_->steps)
                             : FormatSeconds(value_->seconds);
  }

  [[nodiscard]] std::string Allowed() const override {
    return "a number of steps >= 1, or a duration such as 30min";
  }

 private:
  SaveInterval* value_;
};

}  // namespace

FieldValuePtr Integer(int64_t* value, int64_t min, int64_t max) {
  return std::make_unique<IntegerValue>(value, min, max);
}

FieldValuePtr IntegerOrAuto(std::optional<int64_t>* value, int64_t min,
                            int64_t max) {
  return std::make_unique<IntegerOrAutoValue>(value, min, max);
}

FieldValuePtr PairOrAuto(std::optional<std::array<int64_t, 2>>* value,
                         int64_t min, int64_t max) {
  return std::make_unique<PairOrAutoValue>(value, min, max);
}

FieldValuePtr Real(double* value, double min, double max, LowerEnd end) {
  return std::make_unique<RealValue>(value, min, max, end);
}

FieldValuePtr RatioPair(std::array<double, 2>* value) {
  return std::make_unique<RatioPairValue>(value);
}

FieldValuePtr Bytes(int64_t* value, int64_t min, int64_t max) {
  return std::make_unique<BytesValue>(value, min, max);
}

FieldValuePtr BytesOrAuto(int64_t* value) {
  return std::make_unique<BytesOrAutoValue>(value);
}

FieldValuePtr StepsOrDuration(SaveInterval* value) {
  return std::make_unique<StepsOrDurationValue>(value);
}

}  // namespace halfpipe
