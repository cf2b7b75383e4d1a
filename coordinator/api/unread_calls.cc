#include "coordinator/api/unread_calls.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "grpc/grpc.h"
#include "grpc/support/alloc.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

using ChannelzJson = nlohmann::json;
using Count = std::shared_ptr<std::atomic<int64_t>>;

// Lives as long as its call.
class ShownCall final : public grpc::experimental::Interceptor {
 public:
  explicit ShownCall(Count shown) : shown_(std::move(shown)) { ++*shown_; }

  ShownCall(const ShownCall&) = delete;
  ShownCall& operator=(const ShownCall&) = delete;

  ~ShownCall() override { --*shown_; }

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    batch->Proceed();
  }

 private:
  const Count shown_;
};

class ShownCallFactory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit ShownCallFactory(Count shown) : shown_(std::move(shown)) {}

  // gRPC's interface: it owns what it gets.
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* /*info*/) override {
    return new ShownCall(shown_);
  }

 private:
  const Count shown_;
};

// channelz has numbers as texts, and leaves out those that are 0.
int64_t NumberIn(const ChannelzJson& data, const char* key) {
  int64_t number = 0;
  const auto found = data.find(key);
  if (found == data.end() || !found->is_string() ||
      !absl::SimpleAtoi(found->get<std::string>(), &number)) {
    return 0;
  }
  return number;
}

// Calls that have started and not ended.
int64_t OpenConnectionCalls() {
  char* const text = grpc_channelz_get_servers(/*start_server_id=*/0);
  if (text == nullptr) return 0;
  const ChannelzJson page =
      ChannelzJson::parse(text, nullptr, /*allow_exceptions=*/false);
  gpr_free(text);
  int64_t open = 0;
  if (!page.is_object() || !page.contains("server")) return 0;
  for (const ChannelzJson& server : page["server"]) {
    if (!server.is_object() || !server.contains("data")) continue;
    const ChannelzJson& data = server["data"];
    open += NumberIn(data, "callsStarted") - NumberIn(data, "callsSucceeded") -
            NumberIn(data, "callsFailed");
  }
  return open;
}

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
UnreadCalls::Counter() const {
  return std::make_unique<ShownCallFactory>(shown_);
}

void UnreadCalls::Look(absl::Time now) {
  const int64_t unread = OpenConnectionCalls() - *shown_;
  least_ = std::min(least_, unread);
  most_ = std::max(most_, unread);
  until_ = std::min(until_, now + kWindow);
  if (now < until_) return;
  const int64_t more = least_ - logged_;
  logged_ = std::clamp(logged_, least_, most_);
  least_ = std::numeric_limits<int64_t>::max();
  most_ = std::numeric_limits<int64_t>::min();
  until_ = absl::InfiniteFuture();
  if (more <= 0) return;
  LogWarning("call refused",
             {{"reason", absl::StrCat("its message was not read: larger than "
                                      "limits.message_size (",
                                      message_bytes_, " bytes), or cut off")},
              {"calls", more}});
}

}  // namespace halfpipe
