#include "coordinator/store/job_storage_format.h"

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/message_text.h"
#include "coordinator/store/stored_bytes.h"
#include "google/protobuf/io/coded_stream.h"
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

}  // namespace halfpipe
