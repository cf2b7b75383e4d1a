// What is found wrong, or odd, while a data set is read.
#ifndef HP_COMMON_DATA_READ_LOG_H_
#define HP_COMMON_DATA_READ_LOG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Problems keep a data set from being read, warnings do not. Each is one line
// "where: what", UTF-8 whatever it was made of. Of lines with the same `what`
// the first twenty are kept and the others counted, and of all lines the first
// thousand. A long `what` is cut.
class ReadLog {
 public:
  // `where` begins with a file's or folder's name.
  void Problem(absl::string_view where, absl::string_view what);
  void Warn(absl::string_view where, absl::string_view what);

  [[nodiscard]] bool ok() const { return problems_.count == 0; }

  // OK, or InvalidArgument with a line for each problem, in their order.
  [[nodiscard]] absl::Status ToStatus() const;
  [[nodiscard]] std::vector<std::string> Warnings() const;

 private:
  struct Kind {
    int count = 0;
    std::string where;  // the first
  };

  struct Lines {
    int count = 0;
    std::vector<std::string> lines;
    std::map<std::string, Kind, std::less<>> kinds;
    std::vector<std::string> order;  // of the kinds that have more

    void Add(absl::string_view where, absl::string_view what);
    [[nodiscard]] std::vector<std::string> All() const;
  };

  Lines problems_;
  Lines warnings_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_READ_LOG_H_
