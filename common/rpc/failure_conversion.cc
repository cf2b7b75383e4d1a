#include "common/rpc/failure_conversion.h"

namespace halfpipe {

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
