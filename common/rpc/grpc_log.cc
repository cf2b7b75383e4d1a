#include "common/rpc/grpc_log.h"

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/log.h"
#include "common/base/valid_text.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"

namespace halfpipe {
namespace {

void WriteLine(gpr_log_func_args* line) {
  absl::string_view file(line->file);
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  LogWarning("gRPC", {{"what", line->message},
                      {"source", absl::StrCat(file, ":", line->line)}});
}

// Protobuf tells of text that is no UTF-8 and of messages that it cannot read;
// our own error of the call comes after it.
void WriteProtobufLine(google::protobuf::LogLevel level, const char* file,
                       int line, const std::string& message) {
  if (level < google::protobuf::LOGLEVEL_WARNING) return;
  absl::string_view name(file);
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  LogWarning("protobuf", {{"what", ValidText(message)},
                          {"source", absl::StrCat(name, ":", line)}});
}

void DropProtobufLine(google::protobuf::LogLevel /*level*/,
                      const char* /*file*/, int /*line*/,
                      const std::string& /*message*/) {}

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

void RouteGrpcLog() {
  gpr_set_log_function(&WriteLine);
  google::protobuf::SetLogHandler(&WriteProtobufLine);
}

void KeepGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    if (line->severity == GPR_LOG_SEVERITY_ERROR) Kept().Set(line->message);
  });
  google::protobuf::SetLogHandler(&DropProtobufLine);
}

std::string LastGrpcError() { return Kept().Get(); }

}  // namespace halfpipe
