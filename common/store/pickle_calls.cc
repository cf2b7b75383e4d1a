#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/store/pickle_machine.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kOrderedDict = "collections.OrderedDict";
constexpr absl::string_view kTensor = "torch._utils._rebuild_tensor_v2";
constexpr absl::string_view kTypedTensor = "torch._utils._rebuild_tensor_v3";
constexpr absl::string_view kParameter = "torch._utils._rebuild_parameter";

struct GlobalType {
  const char* global;
  DType dtype;
};

// The last one's elements are bytes, whose type its tensor says.
constexpr std::array<GlobalType, 11> kStorages = {{
    {"torch.BoolStorage", DType::kBool},
    {"torch.ByteStorage", DType::kU8},
    {"torch.CharStorage", DType::kI8},
    {"torch.ShortStorage", DType::kI16},
    {"torch.IntStorage", DType::kI32},
    {"torch.LongStorage", DType::kI64},
    {"torch.HalfStorage", DType::kF16},
    {"torch.BFloat16Storage", DType::kBF16},
    {"torch.FloatStorage", DType::kF32},
    {"torch.DoubleStorage", DType::kF64},
    {"torch.storage.UntypedStorage", DType::kU8},
}};

// Types for which torch has no class of storages.
constexpr std::array<GlobalType, 2> kTypes = {{
    {"torch.float8_e4m3fn", DType::kF8E4M3},
    {"torch.float8_e5m2", DType::kF8E5M2},
}};

template <size_t kSize>
std::optional<DType> Find(const std::array<GlobalType, kSize>& types,
                          absl::string_view global) {
  for (const GlobalType& type : types) {
    if (global == type.global) return type.dtype;
  }
  return std::nullopt;
}

absl::Status MalformedCall(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the pickle has malformed arguments for ", what));
}

// The argument as a T, or null.
template <typename T>
const T* Argument(const PickleTuple& arguments, size_t index) {
  if (index >= arguments.items.size()) return nullptr;
  return std::get_if<T>(&arguments.items[index]->data);
}

// What one value may take is bounded, since a pickle can repeat it at will.
constexpr size_t kMaxDimensions = 64;
constexpr size_t kMaxKeyBytes = 64;

// A tuple of non-negative integers.
std::optional<Shape> Sizes(const PickleTuple* tuple) {
  if (tuple == nullptr || tuple->items.size() > kMaxDimensions) {
    return std::nullopt;
  }
  Shape sizes;
  for (const PickleValue* item : tuple->items) {
    const int64_t* size = std::get_if<int64_t>(&item->data);
    if (size == nullptr || *size < 0) return std::nullopt;
    sizes.push_back(*size);
  }
  return sizes;
}

// (storage, offset, sizes, strides, requires_grad, hooks[, metadata])
absl::StatusOr<PickleValue> RebuildTensor(const PickleTuple& arguments) {
  const auto* storage = Argument<PickledStorage>(arguments, 0);
  const auto* offset = Argument<int64_t>(arguments, 1);
  std::optional<Shape> shape = Sizes(Argument<PickleTuple>(arguments, 2));
  std::optional<Shape> strides = Sizes(Argument<PickleTuple>(arguments, 3));
  if (storage == nullptr || offset == nullptr || *offset < 0 || !shape ||
      !strides || shape->size() != strides->size()) {
    return MalformedCall(kTensor);
  }
  return PickleValue{
      PickledTensor{*storage, *offset, *std::move(shape), *std::move(strides)}};
}

// (storage, offset, sizes, strides, requires_grad, hooks, dtype[, metadata])
absl::StatusOr<PickleValue> RebuildTypedTensor(const PickleTuple& arguments) {
  HP_ASSIGN_OR_RETURN(PickleValue result, RebuildTensor(arguments));
  auto& tensor = std::get<PickledTensor>(result.data);
  const auto* type = Argument<PickleGlobal>(arguments, 6);
  const std::optional<DType> dtype =
      type == nullptr ? std::nullopt : Find(kTypes, type->name);
  if (!dtype || tensor.storage.dtype != DType::kU8) {
    return MalformedCall(kTypedTensor);
  }
  tensor.storage.dtype = *dtype;
  return result;
}

// (tensor, requires_grad, hooks)
absl::StatusOr<PickleValue> RebuildParameter(const PickleTuple& arguments) {
  const auto* tensor = Argument<PickledTensor>(arguments, 0);
  if (tensor == nullptr) return MalformedCall(kParameter);
  return PickleValue{*tensor};
}

}  // namespace

absl::Status CheckAllowedGlobal(const std::string& name) {
  if (name == kOrderedDict || name == kTensor || name == kTypedTensor ||
      name == kParameter || Find(kStorages, name) || Find(kTypes, name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the pickle asks for '", name,
      "', which is not part of a plain state dict; it is refused and nothing "
      "was run. Save only the weights, torch.save(model.state_dict(), path), "
      "or convert the file to safetensors"));
}

absl::StatusOr<PickleValue> CallGlobal(const std::string& global,
                                       const PickleTuple& arguments) {
  if (global == kTensor) return RebuildTensor(arguments);
  if (global == kTypedTensor) return RebuildTypedTensor(arguments);
  if (global == kParameter) return RebuildParameter(arguments);
  if (global == kOrderedDict && arguments.items.empty()) {
    return PickleValue{PickleDict{}};
  }
  return MalformedCall(global);
}

absl::StatusOr<PickledStorage> StorageOf(const PickleValue& id) {
  constexpr absl::string_view kWhat = "a storage";
  const auto* fields = std::get_if<PickleTuple>(&id.data);
  if (fields == nullptr || fields->items.size() < 5) {
    return MalformedCall(kWhat);
  }
  const auto* tag = Argument<std::string>(*fields, 0);
  const auto* type = Argument<PickleGlobal>(*fields, 1);
  const auto* key = Argument<std::string>(*fields, 2);
  const auto* elements = Argument<int64_t>(*fields, 4);
  if (tag == nullptr || *tag != "storage" || type == nullptr ||
      key == nullptr || key->size() > kMaxKeyBytes || elements == nullptr ||
      *elements < 0) {
    return MalformedCall(kWhat);
  }
  std::optional<DType> dtype = Find(kStorages, type->name);
  if (!dtype) return MalformedCall(kWhat);
  return PickledStorage{*dtype, *key, *elements};
}

}  // namespace halfpipe
