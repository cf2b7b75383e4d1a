// A folder that is gone after the test.
#ifndef HP_TESTS_COMMON_DATA_TEMPORARY_FOLDER_H_
#define HP_TESTS_COMMON_DATA_TEMPORARY_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace halfpipe {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "halfpipe-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

  // Writes a file, and the folders that it needs; returns its path.
  // NOLINTNEXTLINE(modernize-use-nodiscard): many want the file, not its name.
  std::string Write(const std::string& name, const std::string& content) const {
    std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }

 private:
  std::string path_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_DATA_TEMPORARY_FOLDER_H_
