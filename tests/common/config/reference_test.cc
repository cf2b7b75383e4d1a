#include <cstdlib>
#include <set>
#include <string>

#include "common/base/file.h"
#include "common/config/job_config.h"
#include "common/config/job_fields.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// HP_UPDATE_DOCS=1 rewrites the file instead.
TEST(ReferenceTest, DocsConfigIsInStepWithTheTables) {
  const std::string path = "docs/config.md";
  if (std::getenv("HP_UPDATE_DOCS") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(path, ConfigReferenceMarkdown()).ok());
  }
  auto text = ReadFile(path);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, ConfigReferenceMarkdown())
      << "run config_test with HP_UPDATE_DOCS=1";
}

TEST(ReferenceTest, EveryKeyIsDocumentedOnce) {
  JobConfig job;
  std::set<std::string> keys;
  for (const Field& field : JobFields(&job)) {
    EXPECT_TRUE(keys.insert(std::string(field.key)).second) << field.key;
    EXPECT_FALSE(field.doc.empty()) << field.key;
    EXPECT_FALSE(field.value->Allowed().empty()) << field.key;
  }
  EXPECT_GT(keys.size(), 50u);
}

// Two sections may not be torn apart: the canonical YAML would repeat one.
TEST(ReferenceTest, SectionsAreContiguous) {
  std::string yaml = ToYaml(JobConfig{});
  for (const char* section : {"\nmodel:", "\ntrain:", "\n  optimizer:",
                              "\n  timesteps:", "\npipeline:"}) {
    size_t first = yaml.find(section);
    ASSERT_NE(first, std::string::npos) << section;
    EXPECT_EQ(yaml.find(section, first + 1), std::string::npos) << section;
  }
}

}  // namespace
}  // namespace halfpipe
