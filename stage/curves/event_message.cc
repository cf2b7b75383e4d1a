#include "stage/curves/event_message.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// Numbers of fields, and how their values are laid out.
constexpr uint64_t kEventWallTime = 1;     // double
constexpr uint64_t kEventStep = 2;         // int64
constexpr uint64_t kEventFileVersion = 3;  // string
constexpr uint64_t kEventSummary = 5;      // Summary
constexpr uint64_t kSummaryValue = 1;      // repeated Summary.Value
constexpr uint64_t kValueTag = 1;          // string
constexpr uint64_t kValueSimpleValue = 2;  // float

enum WireType : uint64_t {
  kVarint = 0,
  kEightBytes = 1,
  kLengthDelimited = 2,
  kFourBytes = 5,
};

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) {
    out->push_back(static_cast<char>((value & 0x7fU) | 0x80U));
  }
  out->push_back(static_cast<char>(value));
}

void AppendFieldKey(uint64_t field, WireType type, std::string* out) {
  AppendVarint((field << 3U) | type, out);
}

// The machine's own order of bytes is the format's: little-endian.
template <typename Number>
void AppendFixed(uint64_t field, WireType type, Number value,
                 std::string* out) {
  AppendFieldKey(field, type, out);
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(value));
}

void AppendText(uint64_t field, absl::string_view text, std::string* out) {
  AppendFieldKey(field, kLengthDelimited, out);
  AppendVarint(text.size(), out);
  out->append(text.data(), text.size());
}

// Goes through the fields of a message.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view message) : rest_(message) {}

  // The next field; false: there is none, or what is there is no field.
  bool Next() {
    uint64_t key = 0;
    if (!TakeVarint(&key)) return false;
    field_ = key >> 3U;
    number_ = 0;
    text_ = {};
    switch (key & 7U) {
      case kVarint:
        return TakeVarint(&number_);
      case kEightBytes:
        return TakeText(8);
      case kLengthDelimited: {
        uint64_t size = 0;
        return TakeVarint(&size) && TakeText(size);
      }
      case kFourBytes:
        return TakeText(4);
      default:
        return false;
    }
  }

  [[nodiscard]] uint64_t field() const { return field_; }

  [[nodiscard]] uint64_t number() const { return number_; }

  [[nodiscard]] absl::string_view text() const { return text_; }

 private:
  bool TakeVarint(uint64_t* value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool TakeText(uint64_t size) {
    if (size > rest_.size()) return false;
    text_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  absl::string_view rest_;
  uint64_t field_ = 0;
  uint64_t number_ = 0;
  absl::string_view text_;
};

// The text of the first field of this number; nullopt: there is none.
std::optional<absl::string_view> FindText(absl::string_view message,
                                          uint64_t field) {
  FieldReader reader(message);
  while (reader.Next()) {
    if (reader.field() == field) return reader.text();
  }
  return std::nullopt;
}

}  // namespace

std::string VersionEvent(double unix_seconds) {
  std::string event;
  AppendFixed(kEventWallTime, kEightBytes, unix_seconds, &event);
  AppendText(kEventFileVersion, "brain.Event:2", &event);
  return event;
}

std::string EventOf(const CurveRow& row) {
  std::string summary;
  for (const CurveValue& value : row.values) {
    std::string one;
    AppendText(kValueTag, absl::StrCat(value.group, "/", value.name), &one);
    AppendFixed(kValueSimpleValue, kFourBytes, static_cast<float>(value.value),
                &one);
    AppendText(kSummaryValue, one, &summary);
  }
  std::string event;
  AppendFixed(kEventWallTime, kEightBytes, row.unix_seconds, &event);
  AppendFieldKey(kEventStep, kVarint, &event);
  AppendVarint(static_cast<uint64_t>(row.key.step), &event);
  AppendText(kEventSummary, summary, &event);
  return event;
}

std::optional<CurveKey> KeyOfEvent(absl::string_view event) {
  const auto summary = FindText(event, kEventSummary);
  if (!summary.has_value()) return std::nullopt;
  const auto value = FindText(*summary, kSummaryValue);
  if (!value.has_value()) return std::nullopt;
  CurveKey key;
  const absl::string_view tag = FindText(*value, kValueTag).value_or("");
  key.is_validation =
      absl::StartsWith(tag, absl::StrCat(kValidationGroup, "/"));
  FieldReader reader(event);
  while (reader.Next()) {
    if (reader.field() == kEventStep) {
      key.step = static_cast<int64_t>(reader.number());
    }
  }
  return key;
}

}  // namespace halfpipe
