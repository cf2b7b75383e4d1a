#include "coordinator/store/job_storage_format.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/message_text.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/gzip_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace halfpipe {
namespace {

// Maps are written in key order, so that equal values are equal bytes.
// What is stored can be read again, and sent: a job's text is UTF-8 when it
// comes, and what is added later is for people.
template <typename Message>
std::string Serialize(Message message) {
  if (const absl::Status valid = MakeTextValid(&message); !valid.ok()) {
    LogError("stored what cannot be read again", {{"why", valid.message()}});
  }
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

template <typename Message, typename Value>
absl::StatusOr<Value> Parse(absl::string_view stored, const char* what) {
  const auto damaged = [what](absl::string_view why) {
    return absl::DataLossError(absl::StrCat("the database holds ", what,
                                            " that cannot be read: ", why));
  };
  const absl::StatusOr<std::string> bytes = FromStoredBytes(stored);
  if (!bytes.ok()) return damaged(bytes.status().message());
  Message message;
  if (!message.ParseFromString(*bytes)) return damaged("it is no message");
  absl::StatusOr<Value> value = FromProto(message);
  if (!value.ok()) return damaged(value.status().message());
  return value;
}

// The first byte says what follows. No serialised message begins with one of
// these: they would be fields with the number 0.
constexpr char kPlain = 1;
constexpr char kPacked = 2;
constexpr char kFirstOfMessages = 8;

// Then the first digits of a SHA-256 over the first byte and the content.
constexpr size_t kDigestBytes = 16;

// Below, packing costs more than it saves.
constexpr size_t kLeastToPack = 1024;
// Of unpacked content. A job file has 16 MiB at most.
constexpr size_t kMostBytes = size_t{64} << 20;

std::string ContentDigest(char form, absl::string_view content) {
  Sha256 digest;
  digest.Update(&form, 1);
  digest.Update(content);
  return digest.HexDigest().substr(0, kDigestBytes);
}

std::string Pack(absl::string_view bytes) {
  std::string packed;
  google::protobuf::io::StringOutputStream sink(&packed);
  google::protobuf::io::GzipOutputStream::Options options;
  options.format = google::protobuf::io::GzipOutputStream::ZLIB;
  google::protobuf::io::GzipOutputStream stream(&sink, options);
  void* room = nullptr;
  int size = 0;
  while (!bytes.empty() && stream.Next(&room, &size)) {
    const size_t taken =
        bytes.copy(static_cast<char*>(room), static_cast<size_t>(size));
    bytes.remove_prefix(taken);
    stream.BackUp(size - static_cast<int>(taken));
  }
  return stream.Close() && bytes.empty() ? packed : "";
}

absl::StatusOr<std::string> Unpack(absl::string_view packed) {
  google::protobuf::io::ArrayInputStream source(
      packed.data(), static_cast<int>(packed.size()));
  google::protobuf::io::GzipInputStream stream(
      &source, google::protobuf::io::GzipInputStream::ZLIB);
  std::string bytes;
  const void* piece = nullptr;
  int size = 0;
  while (stream.Next(&piece, &size)) {
    bytes.append(static_cast<const char*>(piece), static_cast<size_t>(size));
    if (bytes.size() > kMostBytes) break;
  }
  // 1 is the end of the packed data, as zlib says it (Z_STREAM_END).
  if (bytes.size() > kMostBytes || stream.ZlibErrorCode() != 1) {
    return absl::DataLossError("its packed content cannot be read");
  }
  return bytes;
}

std::string Stored(char form, absl::string_view content) {
  return absl::StrCat(absl::string_view(&form, 1), ContentDigest(form, content),
                      content);
}

}  // namespace

std::string EncodeJob(const Job& job) {
  return ToStoredBytes(Serialize(ToProto(job)));
}

std::string EncodeJobSpec(const JobSpec& spec) {
  return ToStoredBytes(Serialize(ToProto(spec)));
}

std::string EncodeJobEvent(const JobEvent& event) {
  return ToStoredBytes(Serialize(ToProto(event)));
}

std::string DigestOf(const JobSpec& spec) {
  return Sha256Hex(Serialize(ToProto(spec)));
}

absl::StatusOr<Job> DecodeJob(absl::string_view bytes) {
  return Parse<v1::Job, Job>(bytes, "a job");
}

absl::StatusOr<JobSpec> DecodeJobSpec(absl::string_view bytes) {
  return Parse<v1::CreateJobRequest, JobSpec>(bytes, "a job's request");
}

absl::StatusOr<JobEvent> DecodeJobEvent(absl::string_view bytes) {
  return Parse<v1::JobEvent, JobEvent>(bytes, "an event");
}

std::string ToStoredBytes(absl::string_view bytes) {
  if (bytes.size() >= kLeastToPack) {
    const std::string packed = Pack(bytes);
    if (!packed.empty() && packed.size() < bytes.size()) {
      return Stored(kPacked, packed);
    }
  }
  return Stored(kPlain, bytes);
}

absl::StatusOr<std::string> FromStoredBytes(absl::string_view stored) {
  if (stored.empty() ||
      static_cast<unsigned char>(stored[0]) >= kFirstOfMessages) {
    return std::string(stored);
  }
  const char form = stored[0];
  const absl::string_view digest = stored.substr(1, kDigestBytes);
  if ((form != kPlain && form != kPacked) || digest.size() < kDigestBytes) {
    return absl::DataLossError("it does not begin as stored content does");
  }
  const absl::string_view content = stored.substr(1 + kDigestBytes);
  if (ContentDigest(form, content) != digest) {
    return absl::DataLossError("its digest is that of another content");
  }
  if (form == kPlain) return std::string(content);
  return Unpack(content);
}

}  // namespace halfpipe
