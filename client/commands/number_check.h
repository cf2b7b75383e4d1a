// Checks of numbers on the command line. CLI11's own would answer "-1" with
// the largest double, all 309 digits of it.
#ifndef HP_CLIENT_COMMANDS_NUMBER_CHECK_H_
#define HP_CLIENT_COMMANDS_NUMBER_CHECK_H_

#include <CLI/CLI.hpp>
#include <string>

namespace halfpipe {

// Passes finite numbers above 0. Another one is a usage error: "--timeout:
// expected a positive number of seconds, found '-1'". `what` is the thing
// expected, "a positive number of seconds".
[[nodiscard]] CLI::Validator PositiveCheck(
    const std::string& what = "a positive number");

// The same for finite numbers from 0 on.
[[nodiscard]] CLI::Validator NotNegativeCheck(
    const std::string& what = "0 or a positive number");

inline constexpr char kPositiveSeconds[] = "a positive number of seconds";

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_NUMBER_CHECK_H_
