// A coordinator's client that fails calls of one kind.
#ifndef HP_TESTS_SUPPORT_REFUSING_CLIENT_H_
#define HP_TESTS_SUPPORT_REFUSING_CLIENT_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "stage/runtime/coordinator_client.h"

namespace halfpipe {

// Which result a report is of: "scan", "encode", ..., "failure".
inline absl::string_view ResultName(const CommandResult& result) {
  if (!result.status.ok()) return "failure";

  struct Name {
    absl::string_view operator()(const std::monostate&) { return "none"; }

    absl::string_view operator()(const ScanResult&) { return "scan"; }

    absl::string_view operator()(const EncodeResult&) { return "encode"; }

    absl::string_view operator()(const OpenLinkResult&) { return "open-link"; }

    absl::string_view operator()(const StartResult&) { return "start"; }

    absl::string_view operator()(const StepResult&) { return "step"; }

    absl::string_view operator()(const SaveResult&) { return "save"; }

    absl::string_view operator()(const ExportResult&) { return "export"; }

    absl::string_view operator()(const EndResult&) { return "end"; }

    absl::string_view operator()(const ShutdownResult&) { return "shutdown"; }
  };

  return std::visit(Name{}, result.body);
}

// Passes everything on to `client` but the first `times` calls of `kind`
// ("register", "next", "heartbeat" or a ResultName), which fail with `status`
// and never arrive. Useful for: what becomes of a job whose messages do not
// arrive. Thread-safe as `client` is.
class RefusingClient : public CoordinatorClient {
 public:
  RefusingClient(std::unique_ptr<CoordinatorClient> client, std::string kind,
                 int times, absl::Status status)
      : client_(std::move(client)),
        kind_(std::move(kind)),
        left_(times),
        status_(std::move(status)) {}

  // How often a call was refused.
  [[nodiscard]] int refused() const { return refused_; }

  absl::Status Register(const StageInfo& info) override {
    return Refuses("register") ? status_ : client_->Register(info);
  }

  absl::StatusOr<StageCommand> NextCommand(int64_t last_sequence,
                                           absl::Duration wait) override {
    if (Refuses("next")) return status_;
    return client_->NextCommand(last_sequence, wait);
  }

  absl::Status Report(const CommandResult& result) override {
    return Refuses(ResultName(result)) ? status_ : client_->Report(result);
  }

  absl::StatusOr<HeartbeatReply> Heartbeat(
      const StageHeartbeat& heartbeat) override {
    if (Refuses("heartbeat")) return status_;
    return client_->Heartbeat(heartbeat);
  }

 private:
  bool Refuses(absl::string_view kind) {
    if (kind != kind_ || left_ <= 0) return false;
    --left_;
    ++refused_;
    return true;
  }

  const std::unique_ptr<CoordinatorClient> client_;
  const std::string kind_;
  std::atomic<int> left_;
  std::atomic<int> refused_ = 0;
  const absl::Status status_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_REFUSING_CLIENT_H_
