#include "stage/runtime/command_dispatch.h"

#include <utility>
#include <variant>

namespace halfpipe {
namespace {

// One overload a command.
struct NameOf {
  absl::string_view operator()(const ScanCommand&) { return "scan"; }

  absl::string_view operator()(const EncodeCommand&) { return "encode"; }

  absl::string_view operator()(const OpenLinkCommand&) { return "open-link"; }

  absl::string_view operator()(const StartCommand&) { return "start"; }

  absl::string_view operator()(const StepCommand&) { return "step"; }

  absl::string_view operator()(const SaveCommand&) { return "save"; }

  absl::string_view operator()(const ExportCommand&) { return "export"; }

  absl::string_view operator()(const EndCommand&) { return "end"; }

  absl::string_view operator()(const ShutdownCommand&) { return "shutdown"; }
};

template <typename Result>
absl::StatusOr<ResultBody> Body(absl::StatusOr<Result> result) {
  if (!result.ok()) return std::move(result).status();
  return ResultBody(*std::move(result));
}

struct RunOn {
  StageBackend* backend;
  Epoch epoch;
  std::stop_token stop;

  absl::StatusOr<ResultBody> operator()(const ScanCommand& command) {
    return Body(backend->Scan(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const EncodeCommand& command) {
    return Body(backend->Encode(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const OpenLinkCommand& command) {
    return Body(backend->OpenLink(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const StartCommand& command) {
    return Body(backend->Start(epoch, command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const StepCommand& command) {
    return Body(backend->Step(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const SaveCommand& command) {
    return Body(backend->Save(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const ExportCommand& command) {
    return Body(backend->Export(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const EndCommand& command) {
    return Body(backend->End(command, stop));
  }

  absl::StatusOr<ResultBody> operator()(const ShutdownCommand&) {
    return ResultBody(ShutdownResult{});
  }
};

}  // namespace

absl::string_view CommandName(const CommandBody& body) {
  return std::visit(NameOf{}, body);
}

absl::StatusOr<ResultBody> Dispatch(const StageCommand& command,
                                    std::stop_token stop,
                                    StageBackend* backend) {
  return std::visit(RunOn{backend, command.epoch, std::move(stop)},
                    command.body);
}

}  // namespace halfpipe
