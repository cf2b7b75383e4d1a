#include "client/commands/number_check.h"

#include <cmath>
#include <functional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

CLI::Validator Check(const std::string& what, const std::string& type,
                     const std::function<bool(double)>& passes) {
  return CLI::Validator(
      [what, passes](std::string& text) -> std::string {
        double value = 0.0;
        if (absl::SimpleAtod(text, &value) && std::isfinite(value) &&
            passes(value)) {
          return "";
        }
        return absl::StrCat("expected ", what, ", found '", text, "'");
      },
      type);
}

}  // namespace

CLI::Validator PositiveCheck(const std::string& what) {
  return Check(what, "POSITIVE", [](double value) { return value > 0.0; });
}

CLI::Validator NotNegativeCheck(const std::string& what) {
  return Check(what, "NONNEGATIVE", [](double value) { return value >= 0.0; });
}

}  // namespace halfpipe
