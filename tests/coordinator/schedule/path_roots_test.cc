#include "coordinator/schedule/path_roots.h"

#include <filesystem>
#include <fstream>

#include "common/config/job_fields.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// data/, models/ and outputs/ in a folder, and a secret beside them.
class PathRootsTest : public ::testing::Test {
 protected:
  PathRootsTest() {
    fs::remove_all(top_);
    for (const char* folder : {"data/clips", "models", "outputs", "secret"}) {
      fs::create_directories(top_ / folder);
    }
    // A root that is a link itself, and one with a slash behind it.
    fs::create_directory_symlink(top_ / "models", top_ / "models-link");
    roots_ = {.data = {(top_ / "data/").string()},
              .models = {(top_ / "models-link").string()},
              .outputs = {(top_ / "outputs").string()}};
    config_.data.path = At("data/clips");
    config_.model.dit = At("models/dit.safetensors");
    config_.output.dir = At("outputs/a/b");
  }

  std::string At(const std::string& inside) { return (top_ / inside).string(); }

  absl::Status Check(const std::string& record_dir = "") {
    return CheckPaths(roots_, config_, record_dir);
  }

  void ExpectRefused(const std::string& key, const std::string& path) {
    const absl::Status status = Check();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr(key + ": '" + path + "' "));
  }

  const fs::path top_ = fs::path(::testing::TempDir()) / "path_roots_test";
  PathRootsConfig roots_;
  JobConfig config_;
};

TEST_F(PathRootsTest, WithoutRootsAnyPathWillDo) {
  roots_ = {};
  config_.output.dir = "/etc";
  EXPECT_TRUE(Check().ok());
}

TEST_F(PathRootsTest, TakesWhatLiesInside) {
  config_.data.metadata = "list.csv";
  config_.data.cache_dir = At("outputs/cache");
  config_.lora.init_from = At("outputs/old/lora.safetensors");
  config_.model.vae = At("models-link/vae.pth");
  const absl::Status status = Check(At("outputs/record"));
  EXPECT_TRUE(status.ok()) << status;
  config_.output.dir = At("outputs");  // the root itself
  EXPECT_TRUE(Check().ok());
}

TEST_F(PathRootsTest, RefusesWhatLiesOutside) {
  config_.output.dir = At("secret/out");
  ExpectRefused("output.dir", At("secret/out"));
  config_.output.dir = At("outputs-of-others");  // only begins like the root
  ExpectRefused("output.dir", At("outputs-of-others"));
  config_.output.dir = At("data/out");  // a root, but not for outputs
  ExpectRefused("output.dir", At("data/out"));
  config_.output.dir = At("outputs");
  EXPECT_TRUE(absl::IsInvalidArgument(Check(At("secret"))));
}

TEST_F(PathRootsTest, RefusesDotsThatLeadOut) {
  config_.data.path = At("data/../secret");
  ExpectRefused("data.path", At("data/../secret"));
  config_.data.path = At("data/nowhere/../../secret");
  ExpectRefused("data.path", At("data/nowhere/../../secret"));
  config_.data.path = At("data/clips");
  config_.data.metadata = "../../secret/list.csv";
  ExpectRefused("data.metadata", At("data/clips/../../secret/list.csv"));
  config_.data.metadata = "/etc/passwd";
  ExpectRefused("data.metadata", "/etc/passwd");
}

TEST_F(PathRootsTest, RefusesLinksThatLeadOut) {
  fs::create_directory_symlink(top_ / "secret", top_ / "outputs/link");
  config_.output.dir = At("outputs/link/new");
  ExpectRefused("output.dir", At("outputs/link/new"));
  EXPECT_THAT(Check().message(), HasSubstr("leads to " + At("secret/new")));
  config_.output.dir = At("outputs");
  fs::create_symlink("/etc/passwd", top_ / "models/dit.safetensors");
  ExpectRefused("model.dit", At("models/dit.safetensors"));
}

TEST_F(PathRootsTest, RefusesRelativePathsAndReportsEveryProblem) {
  config_.data.path = "clips";
  config_.output.dir = "/etc";
  const absl::Status status = Check();
  EXPECT_THAT(status.message(),
              HasSubstr("data.path: 'clips' is not an absolute path\n"));
  EXPECT_THAT(status.message(), HasSubstr("output.dir: '/etc' "));
}

TEST_F(PathRootsTest, RefusesSamplesThatLeadOut) {
  std::ofstream(top_ / "data/clips/a.mp4") << "clip";
  const SampleRef good = {.media_path = At("data/clips/a.mp4"),
                          .latents_path = At("data/clips/.halfpipe-cache/a"),
                          .context_path = At("outputs/cache/a")};
  ScanResult found;
  found.samples = {good};
  CommandResult scan;
  scan.body = found;
  EXPECT_TRUE(ConfineScan(roots_, scan).status.ok());
  EXPECT_TRUE(ConfineScan({}, scan).status.ok());

  fs::create_symlink("/etc/passwd", top_ / "data/clips/b.mp4");
  CommandResult bad = scan;
  std::get<ScanResult>(bad.body).samples.push_back(
      {.media_path = At("data/clips/b.mp4"),
       .latents_path = good.latents_path,
       .context_path = good.context_path});
  const absl::Status refused = ConfineScan(roots_, bad).status;
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(refused.message(), HasSubstr("b.mp4' leads to /etc/passwd"));
  // Where a link leads may be no text.
  std::ofstream(top_ / "secret/caf\xE9.mp4") << "clip";
  fs::create_symlink(top_ / "secret/caf\xE9.mp4", top_ / "data/clips/c.mp4");
  std::get<ScanResult>(bad.body).samples.back().media_path =
      At("data/clips/c.mp4");
  EXPECT_THAT(
      ConfineScan(roots_, bad).status.message(),
      HasSubstr("leads to " + At("secret/caf\\xE9.mp4") + ", which is"));
  // A made-up sample has no file, and its name is no way around the roots.
  CommandResult random = scan;
  std::get<ScanResult>(random.body).samples = {
      {.latents_path = "random:7", .context_path = "random:7"}};
  EXPECT_TRUE(ConfineScan(roots_, random).status.ok());
  for (const char* name :
       {"random:", "random:7/../../etc/passwd", "random:a"}) {
    std::get<ScanResult>(random.body).samples[0].latents_path = name;
    EXPECT_TRUE(absl::IsInvalidArgument(ConfineScan(roots_, random).status));
  }
  // What a stage says of its own failure stays.
  bad.status = absl::UnavailableError("away");
  EXPECT_TRUE(absl::IsUnavailable(ConfineScan(roots_, bad).status));
}

// A new path key is confined before anybody thinks of it.
TEST_F(PathRootsTest, KnowsEveryPathKey) {
  std::vector<Field> fields = JobFields(&config_);
  size_t paths = 0;
  for (Field& field : fields) {
    std::string* path = field.value->path();
    if (path == nullptr) continue;
    ++paths;
    const std::string before = *path;
    *path = "/etc/passwd";
    ExpectRefused(std::string(field.key), "/etc/passwd");
    *path = before;
  }
  EXPECT_GE(paths, 9u);
}

}  // namespace
}  // namespace halfpipe
