// What a program says of a command line that its parser refuses: in our own
// words, the same in every program. CLI11's say what it met, not what to do.
#ifndef HP_COMMON_MANUAL_USAGE_ERROR_H_
#define HP_COMMON_MANUAL_USAGE_ERROR_H_

#include <ostream>
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace halfpipe {

// Two lines without the last line feed: which argument is wrong and how, with
// the option that may have been meant, and the command's usage:
//   there is no option '--lable'; did you mean '--label'?
//     usage: halfpipe list [OPTIONS] (halfpipe list --help says more)
// `program` is the root's name. For an error that App::parse has thrown.
[[nodiscard]] std::string UsageErrorText(const CLI::App& app,
                                         const CLI::ParseError& error,
                                         const std::string& program);

// Ends a parse that has thrown: --help, --version and --manual come this way
// too, and are printed on `out`; an error is printed on `err`, behind
// "PROGRAM: ". True: nothing was wrong.
[[nodiscard]] bool ReportParseResult(const CLI::App& app,
                                     const CLI::ParseError& error,
                                     const std::string& program,
                                     std::ostream& out, std::ostream& err);

}  // namespace halfpipe

#endif  // HP_COMMON_MANUAL_USAGE_ERROR_H_
