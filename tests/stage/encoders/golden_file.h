// What generate_encoders.py wrote, for the tests of this folder.
#ifndef HP_TESTS_STAGE_ENCODERS_GOLDEN_FILE_H_
#define HP_TESTS_STAGE_ENCODERS_GOLDEN_FILE_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// The path of a golden, whatever the working folder.
[[nodiscard]] std::string GoldenPath(const std::string& name);

// Opens a golden checkpoint; the test process stops if it cannot.
[[nodiscard]] std::unique_ptr<TensorArchive> OpenGolden(
    const std::string& name);

// One tensor of it, on the CPU in the dtype it is stored in.
[[nodiscard]] at::Tensor GoldenTensor(const TensorArchive& archive,
                                      const std::string& name);

// ||a - b|| / ||b|| in float64.
[[nodiscard]] double RelativeError(const at::Tensor& a, const at::Tensor& b);

// An archive in memory. Useful for: names and shapes without files, and
// checkpoints that are wrong in one place.
class FakeTensorArchive : public TensorArchive {
 public:
  // Adds a tensor; its bytes are zero unless Fill'ed.
  void Add(const std::string& name, DType dtype, Shape shape);
  void Fill(const std::string& name, const void* bytes);
  void Remove(const std::string& name);
  // Takes over every tensor of `other` with its bytes.
  void Copy(const TensorArchive& other);

  [[nodiscard]] const std::map<std::string, ArchivedTensor>& tensors()
      const override {
    return tensors_;
  }

  [[nodiscard]] const std::map<std::string, std::string>& metadata()
      const override {
    return metadata_;
  }

  [[nodiscard]] const std::string& path() const override { return path_; }

  absl::Status Read(absl::string_view name, void* destination) const override;
  absl::Status ReadRange(absl::string_view name, uint64_t offset,
                         uint64_t bytes, void* destination) const override;

 private:
  std::map<std::string, ArchivedTensor> tensors_;
  std::map<std::string, std::string> bytes_;
  std::map<std::string, std::string> metadata_;
  std::string path_ = "fake.safetensors";
};

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_ENCODERS_GOLDEN_FILE_H_
