#include "common/rpc/status_conversion.h"

#include "absl/strings/str_cat.h"
#include "common/base/valid_text.h"

namespace halfpipe {

std::string CutMessage(absl::string_view text, size_t max_bytes) {
  constexpr absl::string_view kEllipsis = "...";
  // Bytes are shown by four characters at most.
  std::string whole = ValidText(text.substr(0, max_bytes + 4));
  if (text.size() <= max_bytes && whole.size() <= max_bytes) return whole;
  size_t kept = 0;
  while (kept < whole.size()) {
    const size_t bytes =
        Utf8CharacterBytes(absl::string_view(whole).substr(kept));
    if (kept + bytes + kEllipsis.size() > max_bytes) break;
    kept += bytes;
  }
  whole.resize(kept);
  return absl::StrCat(whole, kEllipsis);
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      CutMessage(status.message(), kMaxStatusMessageBytes));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return MakeStatus(static_cast<int>(status.error_code()),
                    status.error_message());
}

absl::Status MakeStatus(int code, absl::string_view message) {
  constexpr int kLastCode =
      static_cast<int>(absl::StatusCode::kUnauthenticated);
  if (code == 0) return absl::OkStatus();
  if (code < 0 || code > kLastCode) {
    return absl::UnknownError(absl::StrCat("code ", code, ": ", message));
  }
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

v1::Failure ToProto(const Failure& from) {
  v1::Failure to;
  to.set_kind(static_cast<v1::FailureKind>(from.kind));
  to.set_remedy(static_cast<v1::Remedy>(from.remedy));
  if (from.stage.has_value()) to.set_stage(*from.stage);
  return to;
}

Failure FromProto(const v1::Failure& from) {
  Failure to;
  if (v1::FailureKind_IsValid(from.kind())) {
    to.kind = static_cast<FailureKind>(from.kind());
  }
  if (v1::Remedy_IsValid(from.remedy())) {
    to.remedy = static_cast<Remedy>(from.remedy());
  }
  if (from.has_stage()) to.stage = from.stage();
  return to;
}

v1::StageWork ToProto(StageWork from) {
  return static_cast<v1::StageWork>(from);
}

StageWork FromProto(v1::StageWork from) {
  return v1::StageWork_IsValid(from) ? static_cast<StageWork>(from)
                                     : StageWork::kUnknown;
}

}  // namespace halfpipe
