#include "coordinator/api/open_calls.h"

#include <optional>
#include <utility>

#include "common/base/digest.h"
#include "common/base/log.h"
#include "coordinator/api/call_guard.h"
#include "coordinator/api/method_roles.h"

namespace halfpipe {
namespace {

constexpr std::chrono::seconds kPatience(2);

}  // namespace

OpenCalls::Call::Call(OpenCalls* calls, grpc::ServerContext* context,
                      std::string token, std::string method)
    : calls_(calls),
      context_(context),
      token_(std::move(token)),
      method_(std::move(method)) {}

OpenCalls::Call::~Call() {
  const absl::MutexLock lock(&calls_->mutex_);
  calls_->calls_.remove(this);
}

absl::Status OpenCalls::Call::Revoked() {
  return absl::UnauthenticatedError(
      "the token of this call was removed, or has another role by now");
}

std::unique_ptr<OpenCalls::Call> OpenCalls::Enter(grpc::ServerContext* context,
                                                  absl::string_view method) {
  std::unique_ptr<Call> call(new Call(
      this, context, tokens_ == nullptr ? "" : Sha256Hex(TokenOf(*context)),
      std::string(method)));
  const absl::MutexLock lock(&mutex_);
  calls_.push_back(call.get());
  return call;
}

bool OpenCalls::MayGoOn(const Call& call) {
  const std::optional<Identity> identity = tokens_->FindDigest(call.token_);
  return identity.has_value() && CheckRole(call.method_, identity->role).ok();
}

void OpenCalls::Look() {
  if (tokens_ == nullptr) return;
  tokens_->Look();
  const auto now = std::chrono::steady_clock::now();
  const absl::MutexLock lock(&mutex_);
  for (Call* call : calls_) {
    if (!call->revoked_) {
      if (MayGoOn(*call)) continue;
      LogWarning("call ended", {{"method", call->method_},
                                {"reason", Call::Revoked().message()}});
      call->revoked_at_ = now;
      call->revoked_ = true;
    } else if (now - call->revoked_at_ > kPatience) {
      call->context_->TryCancel();
    }
  }
}

}  // namespace halfpipe
