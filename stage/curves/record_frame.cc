#include "stage/curves/record_frame.h"

#include "stage/curves/crc32c.h"

namespace halfpipe {
namespace {

// Ours have some hundred bytes.
constexpr uint64_t kMostRecordBytes = uint64_t{16} << 20;

template <typename Int>
void AppendLittleEndian(Int value, std::string* out) {
  for (size_t byte = 0; byte < sizeof(Int); ++byte) {
    out->push_back(static_cast<char>((value >> (8 * byte)) & 0xffU));
  }
}

template <typename Int>
Int ParseLittleEndian(absl::string_view bytes) {
  Int value = 0;
  for (size_t byte = 0; byte < sizeof(Int); ++byte) {
    value |= static_cast<Int>(static_cast<unsigned char>(bytes[byte]))
             << (8 * byte);
  }
  return value;
}

bool ReadBytes(std::istream& in, size_t size, std::string* bytes) {
  bytes->resize(size);
  return static_cast<bool>(
      in.read(bytes->data(), static_cast<std::streamsize>(size)));
}

// Reads four bytes more, which are the checksum of `data`.
bool ReadChecksumOf(absl::string_view data, std::istream& in) {
  std::string bytes;
  return ReadBytes(in, sizeof(uint32_t), &bytes) &&
         ParseLittleEndian<uint32_t>(bytes) == MaskedCrc32c(data);
}

}  // namespace

std::string FrameRecord(absl::string_view data) {
  std::string record;
  AppendLittleEndian<uint64_t>(data.size(), &record);
  AppendLittleEndian<uint32_t>(MaskedCrc32c(record), &record);
  record.append(data.data(), data.size());
  AppendLittleEndian<uint32_t>(MaskedCrc32c(data), &record);
  return record;
}

std::optional<std::string> ReadRecord(std::istream& in) {
  std::string length;
  std::string data;
  if (!ReadBytes(in, sizeof(uint64_t), &length) ||
      !ReadChecksumOf(length, in)) {
    return std::nullopt;
  }
  const auto size = ParseLittleEndian<uint64_t>(length);
  if (size > kMostRecordBytes || !ReadBytes(in, size, &data) ||
      !ReadChecksumOf(data, in)) {
    return std::nullopt;
  }
  return data;
}

}  // namespace halfpipe
