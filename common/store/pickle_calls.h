// The only "calls" a torch.save pickle may make, each turned into a plain
// value. Nothing of a pickle is ever executed.
#ifndef HP_COMMON_STORE_PICKLE_CALLS_H_
#define HP_COMMON_STORE_PICKLE_CALLS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/pickle_value.h"

namespace halfpipe {

// OK for collections.OrderedDict, torch._utils._rebuild_tensor_v2, _v3 (fp8)
// and _rebuild_parameter, the torch.*Storage classes and the two fp8 types.
// InvalidArgument names any other.
[[nodiscard]] absl::Status CheckAllowedGlobal(const std::string& name);

// What global(*arguments) stands for. REQUIRES: `global` is allowed.
[[nodiscard]] absl::StatusOr<PickleValue> CallGlobal(
    const std::string& global, const PickleTuple& arguments);

// What the persistent id ('storage', type, key, device, elements) stands for.
[[nodiscard]] absl::StatusOr<PickledStorage> StorageOf(const PickleValue& id);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PICKLE_CALLS_H_
