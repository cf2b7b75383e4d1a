// A checkpoint in memory, useful for names and shapes that no file should hold.
#ifndef HP_TESTS_COMMON_MODEL_FAKE_ARCHIVE_H_
#define HP_TESTS_COMMON_MODEL_FAKE_ARCHIVE_H_

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "common/store/tensor_archive.h"

namespace halfpipe {

// Tensors without bytes read as zeros.
class FakeArchive : public TensorArchive {
 public:
  void Add(const std::string& name, DType dtype, const Shape& shape) {
    ArchivedTensor tensor;
    tensor.dtype = dtype;
    tensor.shape = shape;
    tensor.bytes = static_cast<uint64_t>(ElementCount(shape)) * SizeOf(dtype);
    tensors_[name] = tensor;
  }

  void Add(const std::string& name, DType dtype, const Shape& shape,
           const void* data) {
    Add(name, dtype, shape);
    const char* bytes = static_cast<const char*>(data);
    bytes_[name].assign(bytes, bytes + tensors_[name].bytes);
  }

  void Remove(const std::string& name) { tensors_.erase(name); }

  [[nodiscard]] const std::map<std::string, ArchivedTensor>& tensors()
      const override {
    return tensors_;
  }

  [[nodiscard]] const std::map<std::string, std::string>& metadata()
      const override {
    return metadata_;
  }

  [[nodiscard]] const std::string& path() const override { return path_; }

  absl::Status Read(absl::string_view name, void* destination) const override {
    return ReadRange(name, 0, tensors_.at(std::string(name)).bytes,
                     destination);
  }

  absl::Status ReadRange(absl::string_view name, uint64_t offset,
                         uint64_t bytes, void* destination) const override {
    auto it = bytes_.find(std::string(name));
    if (it == bytes_.end()) {
      std::memset(destination, 0, bytes);
    } else {
      std::memcpy(destination, it->second.data() + offset, bytes);
    }
    return absl::OkStatus();
  }

 private:
  std::string path_ = "fake";
  std::map<std::string, ArchivedTensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::vector<char>> bytes_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_MODEL_FAKE_ARCHIVE_H_
