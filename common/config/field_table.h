// A table of fields while it is written down.
#ifndef HP_COMMON_CONFIG_FIELD_TABLE_H_
#define HP_COMMON_CONFIG_FIELD_TABLE_H_

#include <utility>
#include <vector>

#include "common/config/field.h"
#include "common/config/field_kinds.h"

namespace halfpipe {

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

#endif  // HP_COMMON_CONFIG_FIELD_TABLE_H_
