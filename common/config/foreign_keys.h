// Keys of other trainers that mean something else than the key here that comes
// nearest, or count in another unit: what to write instead is worked out from
// the value that stands in the file.
#ifndef HP_COMMON_CONFIG_FOREIGN_KEYS_H_
#define HP_COMMON_CONFIG_FOREIGN_KEYS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "yaml-cpp/yaml.h"

namespace halfpipe {

// What to write in place of the unknown key `name` with `value`, as the rest of
// a message; "" for a name that is not known. `document` is the whole file,
// where other keys may matter. Never throws; the nodes are not changed.
[[nodiscard]] std::string ForeignKeyHint(absl::string_view name,
                                         const YAML::Node& value,
                                         const YAML::Node& document);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_FOREIGN_KEYS_H_
