// From a command to the backend's method for it.
#ifndef HP_STAGE_RUNTIME_COMMAND_DISPATCH_H_
#define HP_STAGE_RUNTIME_COMMAND_DISPATCH_H_

#include <stop_token>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/stage_protocol.h"
#include "stage/runtime/stage_backend.h"

namespace halfpipe {

// "step", "save", ...: for logs.
[[nodiscard]] absl::string_view CommandName(const CommandBody& body);

// Runs the command; blocks until it is done. ShutdownCommand is answered here.
[[nodiscard]] absl::StatusOr<ResultBody> Dispatch(const StageCommand& command,
                                                  std::stop_token stop,
                                                  StageBackend* backend);

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_COMMAND_DISPATCH_H_
