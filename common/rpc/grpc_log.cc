#include "common/rpc/grpc_log.h"

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/log.h"
#include "grpc/support/log.h"

namespace halfpipe {
namespace {

void WriteLine(gpr_log_func_args* line) {
  absl::string_view file(line->file);
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  LogWarning("gRPC", {{"what", line->message},
                      {"source", absl::StrCat(file, ":", line->line)}});
}

class LastError {
 public:
  void Set(absl::string_view text) {
    const absl::MutexLock lock(&mutex_);
    text_ = std::string(text);
  }

  [[nodiscard]] std::string Get() {
    const absl::MutexLock lock(&mutex_);
    return text_;
  }

 private:
  absl::Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: gRPC's threads may outlive main().
LastError& Kept() {
  static auto* const kept = new LastError();
  return *kept;
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(&WriteLine); }

void KeepGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    if (line->severity == GPR_LOG_SEVERITY_ERROR) Kept().Set(line->message);
  });
}

std::string LastGrpcError() { return Kept().Get(); }

}  // namespace halfpipe
