#include "common/data/unicode_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"

namespace halfpipe {

std::string ComposedForm(absl::string_view text) {
  std::string unchanged(text);
  if (std::all_of(text.begin(), text.end(), absl::ascii_isascii)) {
    return unchanged;
  }
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(
      mapped, &std::free);
  if (size < 0) return unchanged;
  return {reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)};
}

}  // namespace halfpipe
