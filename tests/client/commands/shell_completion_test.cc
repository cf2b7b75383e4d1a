#include "client/commands/shell_completion.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/manual/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A file in the test's own folder that goes away with it.
class ScriptFile {
 public:
  explicit ScriptFile(const std::string& content)
      : path_(absl::StrCat(testing::TempDir(), "/hp_completion.", getpid())) {
    std::ofstream(path_) << content;
  }

  ~ScriptFile() { unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "re");
  std::string output;
  char buffer[4096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, got);
  }
  pclose(pipe);
  return output;
}

// What bash offers for the last of `words`.
std::string BashOffers(const std::string& words) {
  const ScriptFile script(absl::StrCat(
      CompletionScript(SmallProgram().Tree(), Shell::kBash), "COMP_WORDS=(",
      words, ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_small\n",
      "echo \"${COMPREPLY[@]}\"\n"));
  return OutputOf(absl::StrCat("bash ", script.path(), " 2>&1"));
}

TEST(CompletionTest, BashOffersCommandsOptionsAndValues) {
  EXPECT_EQ(BashOffers("small ''"), "train stop -h --help --version\n");
  EXPECT_EQ(BashOffers("small tr"), "train\n");
  EXPECT_EQ(BashOffers("small train --d"), "--dtype\n");
  EXPECT_EQ(BashOffers("small train --dtype ''"), "bf16 fp32\n");
  EXPECT_EQ(BashOffers("small train --dtype b"), "bf16\n");
  // Files: left to the shell's own default.
  EXPECT_EQ(BashOffers("small train ''"), "\n");
  EXPECT_EQ(BashOffers("small train --token -"), "\n");
  EXPECT_EQ(BashOffers("small stop -"), "-h --help\n");
}

TEST(CompletionTest, ZshAndFishNameTheSame) {
  const CommandText tree = SmallProgram().Tree();
  const std::string zsh = CompletionScript(tree, Shell::kZsh);
  EXPECT_THAT(zsh, HasSubstr("'train:Train a model; it'\\''s slow'"));
  EXPECT_THAT(zsh, HasSubstr("'--dtype[The dtype\\: of weights]:VALUE:"
                             "(bf16 fp32)'"));
  EXPECT_THAT(zsh, HasSubstr("'(-n --steps)'{-n,--steps}'[How many \\[at "
                             "most\\]]:INT:_files'"));
  EXPECT_THAT(zsh, HasSubstr("'--quiet[Say nothing]'"));
  const std::string fish = CompletionScript(tree, Shell::kFish);
  EXPECT_THAT(fish, HasSubstr("-n '__fish_seen_subcommand_from train' -l dtype "
                              "-x -a 'bf16 fp32'"));
  EXPECT_THAT(fish, HasSubstr("-s n -l steps -r -d"));
  for (const std::string& script : {zsh, fish}) {
    EXPECT_THAT(script, Not(HasSubstr("hidden")));
    EXPECT_THAT(script, Not(HasSubstr("secret")));
  }
}

// Where the shells are installed they must take the scripts.
TEST(CompletionTest, TheShellsParseThem) {
  const CommandText tree = SmallProgram().Tree();
  int tried = 0;
  for (const auto& [shell, name] :
       {std::pair(Shell::kBash, "bash"), std::pair(Shell::kZsh, "zsh"),
        std::pair(Shell::kFish, "fish")}) {
    if (OutputOf(absl::StrCat("command -v ", name)).empty()) continue;
    ++tried;
    const ScriptFile script(CompletionScript(tree, shell));
    EXPECT_EQ(OutputOf(absl::StrCat(name, " -n ", script.path(), " 2>&1")), "")
        << name;
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace halfpipe
