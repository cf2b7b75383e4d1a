// A table of fields while it is written down.
#ifndef HP_COMMON_CONFIG_FIELD_TABLE_H_
#define HP_COMMON_CONFIG_FIELD_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "common/config/field.h"
#include "common/config/field_kinds.h"

namespace halfpipe {

// The rows of one table under construction.
class FieldTable {
 public:
  void Add(std::string key, FieldValuePtr value, unsigned flags,
           absl::string_view doc,
           std::vector<absl::string_view> also_called = {}) {
    fields_.push_back({.key = std::move(key),
                       .value = std::move(value),
                       .flags = flags,
                       .doc = doc,
                       .also_called = std::move(also_called)});
  }

  std::vector<Field> Take() { return std::move(fields_); }

 private:
  std::vector<Field> fields_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_FIELD_TABLE_H_
