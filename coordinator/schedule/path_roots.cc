#include "coordinator/schedule/path_roots.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/valid_text.h"
#include "common/config/job_fields.h"
#include "common/jobs/random_sample.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using Folders = std::vector<std::string>;

constexpr size_t kMaxProblems = 10;

// Whether `path` is `root` or lies in it, both without links and dots.
bool LiesIn(const fs::path& path, const fs::path& root) {
  const fs::path inside = path.lexically_relative(root);
  return !inside.empty() && *inside.begin() != "..";
}

bool LiesInAny(const fs::path& real, const Folders& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const auto& folder) {
    std::error_code error;
    const fs::path root = fs::weakly_canonical(folder, error);
    // "/data/" has an empty last part.
    return !error &&
           LiesIn(real, root.has_filename() ? root : root.parent_path());
  });
}

Folders Joined(const Folders& first, const Folders& second) {
  Folders all = first;
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

// Where the path of `key` may lie; empty: nowhere.
Folders RootsOf(const std::string& key, const PathRootsConfig& roots) {
  // A LoRA to start from may be what an earlier job made.
  if (key == "lora.init_from") return Joined(roots.models, roots.outputs);
  if (absl::StartsWith(key, "model.")) return roots.models;
  if (key == "data.cache_dir") return Joined(roots.data, roots.outputs);
  if (absl::StartsWith(key, "data.")) return roots.data;
  if (absl::StartsWith(key, "output.")) return roots.outputs;
  return {};
}

// Collects what is wrong, one line a path.
class Checker {
 public:
  explicit Checker(const PathRootsConfig& roots) : roots_(roots) {}

  void Check(const std::string& key, const std::string& path,
             const Folders& folders) {
    if (path.empty()) return;
    if (fs::path(path).is_relative()) {
      return Add(key, path, "is not an absolute path");
    }
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    if (error) return Add(key, path, error.message());
    if (LiesInAny(real, folders)) return;
    const std::string leads =
        real == fs::path(path).lexically_normal()
            ? ""
            : absl::StrCat("leads to ", ValidText(real.string()), ", which ");
    Add(key, path,
        absl::StrCat(leads,
                     "is outside the folders that this service allows "
                     "for it (roots: ",
                     absl::StrJoin(folders, ", "), ")"));
  }

  void CheckField(const std::string& key, const std::string& path) {
    Check(key, path, RootsOf(key, roots_));
  }

  // Whether so many are enough to tell.
  [[nodiscard]] bool full() const { return problems_.size() >= kMaxProblems; }

  [[nodiscard]] absl::Status ToStatus() const {
    if (problems_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
  }

 private:
  void Add(const std::string& key, const std::string& path,
           absl::string_view what) {
    problems_.push_back(absl::StrCat(key, ": '", path, "' ", what));
  }

  const PathRootsConfig& roots_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::Status CheckPaths(const PathRootsConfig& roots, const JobConfig& config,
                        const std::string& record_dir) {
  if (roots.empty()) return absl::OkStatus();
  Checker checker(roots);
  JobConfig copy = config;
  for (const Field& field : JobFields(&copy)) {
    const std::string* path = field.value->path();
    if (path != nullptr) checker.CheckField(std::string(field.key), *path);
  }
  // Not a path of its own: it starts from data.path.
  if (!config.data.metadata.empty() && !config.data.path.empty()) {
    const fs::path metadata = fs::path(config.data.path) / config.data.metadata;
    checker.CheckField("data.metadata", metadata.string());
  }
  checker.Check("--record", record_dir, roots.outputs);
  return checker.ToStatus();
}

CommandResult ConfineScan(const PathRootsConfig& roots, CommandResult result) {
  const auto* scan = std::get_if<ScanResult>(&result.body);
  if (roots.empty() || !result.status.ok() || scan == nullptr) return result;
  Checker checker(roots);
  const Folders caches = RootsOf("data.cache_dir", roots);
  for (const SampleRef& sample : scan->samples) {
    checker.CheckField("data.path", sample.media_path);
    for (const std::string* path :
         {&sample.latents_path, &sample.context_path}) {
      // None beside problems: such a sample is only looked at.
      if (path->empty() || IsRandomSampleName(*path)) continue;
      checker.Check("data.cache_dir", *path, caches);
    }
    if (checker.full()) break;
  }
  result.status = checker.ToStatus();
  return result;
}

}  // namespace halfpipe
