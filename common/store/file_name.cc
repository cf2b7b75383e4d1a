#include "common/store/file_name.h"

namespace halfpipe {

bool IsPlainFileName(absl::string_view name) {
  constexpr absl::string_view kForbidden("/\0", 2);
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(kForbidden) == absl::string_view::npos;
}

}  // namespace halfpipe
