// Useful for tests of what a parser writes about itself: a small program.
#ifndef HP_TESTS_COMMON_MANUAL_PROGRAM_H_
#define HP_TESTS_COMMON_MANUAL_PROGRAM_H_

#include <CLI/CLI.hpp>
#include <string>

#include "common/manual/man_page.h"

namespace halfpipe {

struct SmallProgram {
  SmallProgram() {
    app.set_version_flag("--version", "1");
    CLI::App* train = app.add_subcommand("train", "Train a model; it's slow");
    train->add_option("job", text, "The job file")->required();
    train->add_option("--dtype", text, "The dtype: of weights")
        ->check(CLI::IsMember({"bf16", "fp32"}));
    train->add_option("-n,--steps", number, "How many [at most]")
        ->capture_default_str();
    train->add_option("--token", text, "A file")->envname("SMALL_TOKEN");
    train->add_flag("--quiet", quiet, "Say nothing");
    train->add_option("--secret", text, "Not shown")->group("");
    app.add_subcommand("stop", "Stop it")->add_subcommand("now", "At once");
    app.add_subcommand("hidden", "Not shown")->group("");
  }

  [[nodiscard]] CommandText Tree() const {
    return ReadCommandTree(app, "small");
  }

  CLI::App app{"Trains small models.", "small"};
  std::string text;
  int number = 5;
  bool quiet = false;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_MANUAL_PROGRAM_H_
