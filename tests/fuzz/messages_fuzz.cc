// The first byte chooses the message, the rest is its bytes on the wire. What
// a conversion accepts it must give back: the second way round changes nothing.
#include "common/rpc/job_conversion.h"
#include "common/rpc/stage_conversion.h"
#include "coordinator/store/job_storage_format.h"
#include "fuzz/fuzz_input.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "halfpipe/v1/jobs.pb.h"
#include "halfpipe/v1/stages.pb.h"

namespace halfpipe {
namespace {

std::string Bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream output(&bytes);
  google::protobuf::io::CodedOutputStream coded(&output);
  coded.SetSerializationDeterministic(true);
  HP_FUZZ_CHECK(message.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

template <typename T>
const T* Value(const T& value) {
  return &value;
}

template <typename T>
const T* Value(const absl::StatusOr<T>& value) {
  return value.ok() ? &*value : nullptr;
}

template <typename Message>
void RoundTrip(absl::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  const auto first = FromProto(message);
  if (Value(first) == nullptr) return;
  const Message out = ToProto(*Value(first));
  Message in;
  HP_FUZZ_CHECK(in.ParseFromString(Bytes(out)));
  const auto second = FromProto(in);
  HP_FUZZ_CHECK(Value(second) != nullptr);
  HP_FUZZ_CHECK(Bytes(ToProto(*Value(second))) == Bytes(out));
}

// As the coordinator's database keeps them.
void Stored(absl::string_view bytes) {
  if (const auto job = DecodeJob(bytes); job.ok()) {
    HP_FUZZ_CHECK(DecodeJob(EncodeJob(*job)).ok());
  }
  if (const auto spec = DecodeJobSpec(bytes); spec.ok()) {
    HP_FUZZ_CHECK(DecodeJobSpec(EncodeJobSpec(*spec)).ok());
  }
  if (const auto event = DecodeJobEvent(bytes); event.ok()) {
    HP_FUZZ_CHECK(DecodeJobEvent(EncodeJobEvent(*event)).ok());
  }
}

constexpr void (*kMessages[])(absl::string_view) = {
    RoundTrip<v1::Job>,
    RoundTrip<v1::JobEvent>,
    RoundTrip<v1::CreateJobRequest>,
    RoundTrip<v1::ListJobsRequest>,
    RoundTrip<v1::ListJobsResponse>,
    RoundTrip<v1::GetServerInfoResponse>,
    RoundTrip<v1::RegisterRequest>,
    RoundTrip<v1::StageCommand>,
    RoundTrip<v1::ReportRequest>,
    RoundTrip<v1::HeartbeatRequest>,
    RoundTrip<v1::HeartbeatResponse>,
    Stored,
    RoundTrip<v1::StepTrace>,
};

}  // namespace
}  // namespace halfpipe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr size_t kCount = std::size(halfpipe::kMessages);
  halfpipe::kMessages[data[0] % kCount](halfpipe::AsText(data + 1, size - 1));
  return 0;
}
