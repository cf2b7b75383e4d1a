// What a torch.save pickle may be made of, as plain values.
#ifndef HP_COMMON_STORE_PICKLE_VALUE_H_
#define HP_COMMON_STORE_PICKLE_VALUE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/dtype.h"

namespace halfpipe {

struct PickleValue;

struct PickleTuple {
  std::vector<PickleValue*> items;
};

struct PickleList {
  std::vector<PickleValue*> items;
};

// dict and OrderedDict alike, in the order of insertion; a key may repeat.
struct PickleDict {
  std::vector<std::pair<PickleValue*, PickleValue*>> entries;
};

// An allowed global, "module.name". It is a word, nothing is looked up.
struct PickleGlobal {
  std::string name;
};

// A record data/<key> of the archive with `elements` of `dtype`.
struct PickledStorage {
  DType dtype = DType::kF32;
  std::string key;
  int64_t elements = 0;
};

// A view of a storage; offset and strides count elements. Unchecked numbers of
// the file but for the signs and the common length of shape and strides.
struct PickledTensor {
  PickledStorage storage;
  int64_t offset = 0;
  Shape shape;
  Shape strides;
};

// std::monostate is None. Values refer to one another through pointers that
// the Pickle they came from owns.
struct PickleValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, PickleTuple,
               PickleList, PickleDict, PickleGlobal, PickledStorage,
               PickledTensor>
      data;
};

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PICKLE_VALUE_H_
