#include "stage/encoders/golden_file.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/norm.h>

#include <cstring>

#include "common/base/status.h"
#include "stage/kernels/tensor_bridge.h"

namespace halfpipe {

std::string GoldenPath(const std::string& name) {
  // ctest runs every test in the repository's root.
  return "tests/stage/encoders/goldens/" + name;
}

std::unique_ptr<TensorArchive> OpenGolden(const std::string& name) {
  auto archive = OpenTensorArchive(GoldenPath(name));
  HP_CHECK(archive.ok());
  return *std::move(archive);
}

at::Tensor GoldenTensor(const TensorArchive& archive, const std::string& name) {
  HP_CHECK(archive.tensors().contains(name));
  const ArchivedTensor& entry = archive.tensors().at(name);
  at::Tensor tensor = at::empty(entry.shape, ToScalarType(entry.dtype));
  HP_CHECK(archive.Read(name, tensor.data_ptr()).ok());
  return tensor;
}

double RelativeError(const at::Tensor& a, const at::Tensor& b) {
  HP_CHECK(a.sizes() == b.sizes());
  const at::Tensor wide = b.to(at::kDouble);
  return ((a.to(at::kDouble) - wide).norm() / wide.norm()).item<double>();
}

void FakeTensorArchive::Add(const std::string& name, DType dtype, Shape shape) {
  const uint64_t bytes = ElementCount(shape) * SizeOf(dtype);
  tensors_[name] = ArchivedTensor{
      .dtype = dtype, .shape = std::move(shape), .file = path_, .bytes = bytes};
  bytes_[name] = std::string(bytes, '\0');
}

void FakeTensorArchive::Fill(const std::string& name, const void* bytes) {
  std::string& stored = bytes_.at(name);
  std::memcpy(stored.data(), bytes, stored.size());
}

void FakeTensorArchive::Remove(const std::string& name) {
  tensors_.erase(name);
  bytes_.erase(name);
}

void FakeTensorArchive::Copy(const TensorArchive& other) {
  for (const auto& [name, tensor] : other.tensors()) {
    Add(name, tensor.dtype, tensor.shape);
    HP_CHECK(other.Read(name, bytes_.at(name).data()).ok());
  }
}

absl::Status FakeTensorArchive::Read(absl::string_view name,
                                     void* destination) const {
  return ReadRange(name, 0, bytes_.at(std::string(name)).size(), destination);
}

absl::Status FakeTensorArchive::ReadRange(absl::string_view name,
                                          uint64_t offset, uint64_t bytes,
                                          void* destination) const {
  const std::string& stored = bytes_.at(std::string(name));
  if (offset + bytes > stored.size()) {
    return absl::DataLossError("the fake file ends early");
  }
  std::memcpy(destination, stored.data() + offset, bytes);
  return absl::OkStatus();
}

}  // namespace halfpipe
