#include "stage/encoders/utf8_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// One code point from `bytes`; 0 when it does not start with a well-formed one.
size_t DecodeOne(absl::string_view bytes, char32_t* c) {
  utf8proc_int32_t value = -1;
  const utf8proc_ssize_t used =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                       static_cast<utf8proc_ssize_t>(bytes.size()), &value);
  if (used <= 0 || value < 0) return 0;
  *c = static_cast<char32_t>(value);
  return static_cast<size_t>(used);
}

std::u32string Normalize(const std::u32string& text, int options) {
  if (std::all_of(text.begin(), text.end(),
                  [](char32_t c) { return c < 0x80; })) {
    return text;
  }
  const std::string bytes = EncodeUtf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                   static_cast<utf8proc_ssize_t>(bytes.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE |
                                                  UTF8PROC_COMPOSE | options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(
      mapped, &std::free);
  // EncodeUtf8 leaves nothing that could be invalid, so only memory can fail.
  HP_CHECK(size >= 0);
  return DecodeUtf8(absl::string_view(reinterpret_cast<const char*>(mapped),
                                      static_cast<size_t>(size)));
}

}  // namespace

std::u32string DecodeUtf8(absl::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    char32_t c = kReplacementCharacter;
    bytes.remove_prefix(std::max<size_t>(DecodeOne(bytes, &c), 1));
    text.push_back(c);
  }
  return text;
}

bool DecodeUtf8Strictly(absl::string_view bytes, std::u32string* text) {
  text->clear();
  while (!bytes.empty()) {
    char32_t c = 0;
    const size_t used = DecodeOne(bytes, &c);
    if (used == 0) return false;
    bytes.remove_prefix(used);
    text->push_back(c);
  }
  return true;
}

std::string EncodeUtf8(const std::u32string& text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (char32_t c : text) {
    if (!utf8proc_codepoint_valid(static_cast<utf8proc_int32_t>(c))) {
      c = kReplacementCharacter;
    }
    std::array<utf8proc_uint8_t, 4> buffer;
    const utf8proc_ssize_t size =
        utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), buffer.data());
    bytes.append(reinterpret_cast<const char*>(buffer.data()),
                 static_cast<size_t>(size));
  }
  return bytes;
}

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 ||
         c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool IsWordCharacter(char32_t c) {
  if (c == '_') return true;
  const utf8proc_category_t category =
      utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_LU &&
          category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

std::u32string ToNfc(const std::u32string& text) { return Normalize(text, 0); }

std::u32string ToNfkc(const std::u32string& text) {
  return Normalize(text, UTF8PROC_COMPAT);
}

}  // namespace halfpipe
