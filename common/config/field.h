// One key of a YAML file: its name, the C++ value it is bound to, and its
// documentation. Tables of these (job_fields.cc, service_config.cc) are the
// only place that knows which keys exist; reading, checking, printing, the
// digest and the reference all walk the same table.
#ifndef HP_COMMON_CONFIG_FIELD_H_
#define HP_COMMON_CONFIG_FIELD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "yaml-cpp/yaml.h"

namespace halfpipe {

// A value of some kind, bound to a variable that must outlive it.
class FieldValue {
 public:
  virtual ~FieldValue() = default;

  // Stores `node` in the variable. Returns what is wrong with it, or "" (the
  // variable is then set, but maybe out of range: see Check).
  [[nodiscard]] virtual std::string Read(const YAML::Node& node) = 0;

  // What is wrong with the variable's present value, or "".
  [[nodiscard]] virtual std::string Check() const { return ""; }

  // The present value as canonical YAML on one line; Read takes it back.
  [[nodiscard]] virtual std::string Write() const = 0;

  // The kind and the allowed values, for messages and the reference:
  // "an integer >= 1".
  [[nodiscard]] virtual std::string Allowed() const = 0;

  // Whether this is a path of the file system that may be relative.
  [[nodiscard]] virtual std::string* path() { return nullptr; }
};

// What another value of a key means for a job that has begun.
enum class KeyClass {
  kFree,     // nothing: the job goes on and ends in the same bytes
  kDecides,  // another LoRA: refused by name
  kContent,  // names files: they may move, their content may not change
  kMachine,  // may change the last bits: goes on, and says so
  kExtends,  // the job's length: it goes on from its last checkpoint
};

// "free", "decides", ...: for messages and the reference.
[[nodiscard]] absl::string_view KeyClassName(KeyClass key_class);

// How a key takes part in its table.
struct KeyRole {
  KeyClass key_class = KeyClass::kFree;
  bool required = false;  // the file must hold it
  // Came after digests were written: it enters them only where its value is
  // not the default, so that older jobs keep theirs.
  bool late = false;
  bool unordered = false;  // a list whose order decides nothing

  // Whether ConfigDigest covers the key.
  [[nodiscard]] bool in_digest() const {
    return key_class == KeyClass::kDecides || key_class == KeyClass::kExtends;
  }
};

struct Field {
  absl::string_view key;  // a literal: "train.optimizer.learning_rate"
  std::unique_ptr<FieldValue> value;
  KeyRole role = {};
  absl::string_view doc;  // a literal
  // What other trainers call it, with spaces between; only for the message of
  // an unknown key.
  absl::string_view also_called;

  // "train.optimizer" and "learning_rate".
  [[nodiscard]] absl::string_view section() const;
  [[nodiscard]] absl::string_view leaf() const;
};

// Whether `section` is `outer` or a part of it.
[[nodiscard]] bool IsWithin(absl::string_view section, absl::string_view outer);

// "expected WHAT, found ..." with what `node` holds, shortened.
[[nodiscard]] std::string ExpectedFound(absl::string_view what,
                                        const YAML::Node& node);

// A scalar that YAML takes for the string `text`: plain where that is safe,
// else double-quoted.
[[nodiscard]] std::string YamlScalar(absl::string_view text);

// The fields as nested block YAML, in their order.
[[nodiscard]] std::string WriteFields(const std::vector<Field>& fields);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_FIELD_H_
