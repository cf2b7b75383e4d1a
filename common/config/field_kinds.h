// The kinds of values that a key can have. Each factory binds a variable,
// which must outlive the result.
#ifndef HP_COMMON_CONFIG_FIELD_KINDS_H_
#define HP_COMMON_CONFIG_FIELD_KINDS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/field.h"
#include "common/config/job_config.h"

namespace halfpipe {

using FieldValuePtr = std::unique_ptr<FieldValue>;

// An integer in [min, max].
[[nodiscard]] FieldValuePtr Integer(int64_t* value, int64_t min, int64_t max);

// The same, or the word "auto".
[[nodiscard]] FieldValuePtr IntegerOrAuto(std::optional<int64_t>* value,
                                          int64_t min, int64_t max);

// Two integers in [min, max] as [a, b], or the word "auto".
[[nodiscard]] FieldValuePtr PairOrAuto(
    std::optional<std::array<int64_t, 2>>* value, int64_t min, int64_t max);

// A finite number in [min, max]; in (min, max] with `open`.
enum class LowerEnd { kClosed, kOpen };
[[nodiscard]] FieldValuePtr Real(double* value, double min, double max,
                                 LowerEnd end = LowerEnd::kClosed);

// Two numbers in [0, 1) as [a, b].
[[nodiscard]] FieldValuePtr RatioPair(std::array<double, 2>* value);

// true or false.
[[nodiscard]] FieldValuePtr Flag(bool* value);

// Text on one line.
[[nodiscard]] FieldValuePtr Text(std::string* value);

// What ParseAlphaChoice takes.
[[nodiscard]] FieldValuePtr Alpha(std::string* value);

// Text that names a file or a folder.
[[nodiscard]] FieldValuePtr Path(std::string* value);

// A list of texts, none of them empty, none twice, at least one.
[[nodiscard]] FieldValuePtr TextList(std::vector<std::string>* value);

// A list of paths, none of them empty, none twice; may be empty.
[[nodiscard]] FieldValuePtr PathList(std::vector<std::string>* value);

// A size such as 22GiB in [min, max].
[[nodiscard]] FieldValuePtr Bytes(int64_t* value, int64_t min, int64_t max);

// A size such as 22GiB, or "auto" for 0.
[[nodiscard]] FieldValuePtr BytesOrAuto(int64_t* value);

// A number of steps, or a duration such as 30min.
[[nodiscard]] FieldValuePtr StepsOrDuration(SaveInterval* value);

// One of `names`, by its index.
[[nodiscard]] FieldValuePtr IndexedChoice(std::vector<std::string> names,
                                          std::function<size_t()> get,
                                          std::function<void(size_t)> set);

// A list of some of `names`, by index, none twice, at least one.
[[nodiscard]] FieldValuePtr IndexedChoiceList(
    std::vector<std::string> names, std::function<std::vector<size_t>()> get,
    std::function<void(const std::vector<size_t>&)> set);

// An enum whose values 0, 1, ... are called `names`.
template <typename Enum>
[[nodiscard]] FieldValuePtr Choice(Enum* value,
                                   std::vector<std::string> names) {
  return IndexedChoice(
      std::move(names), [value] { return static_cast<size_t>(*value); },
      [value](size_t index) { *value = static_cast<Enum>(index); });
}

// The same, or the word "auto", which stands first.
template <typename Enum>
[[nodiscard]] FieldValuePtr ChoiceOrAuto(std::optional<Enum>* value,
                                         std::vector<std::string> names) {
  names.insert(names.begin(), "auto");
  return IndexedChoice(
      std::move(names),
      [value] {
        return value->has_value() ? static_cast<size_t>(**value) + 1 : 0;
      },
      [value](size_t index) {
        value->reset();
        if (index > 0) *value = static_cast<Enum>(index - 1);
      });
}

template <typename Enum>
[[nodiscard]] FieldValuePtr ChoiceList(std::vector<Enum>* value,
                                       std::vector<std::string> names) {
  return IndexedChoiceList(
      std::move(names),
      [value] {
        std::vector<size_t> indexes;
        for (Enum e : *value) indexes.push_back(static_cast<size_t>(e));
        return indexes;
      },
      [value](const std::vector<size_t>& indexes) {
        value->clear();
        for (size_t i : indexes) value->push_back(static_cast<Enum>(i));
      });
}

// The rows of one table under construction. Its texts are literals: a service
// makes a table for every job that is submitted.
class FieldTable {
 public:
  FieldTable() { fields_.reserve(kUsualSize); }

  void Add(absl::string_view key, FieldValuePtr value, KeyRole role,
           absl::string_view doc, absl::string_view also_called = "") {
    fields_.push_back({.key = key,
                       .value = std::move(value),
                       .role = role,
                       .doc = doc,
                       .also_called = also_called});
  }

  std::vector<Field> Take() { return std::move(fields_); }

 private:
  static constexpr size_t kUsualSize = 80;

  std::vector<Field> fields_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_FIELD_KINDS_H_
