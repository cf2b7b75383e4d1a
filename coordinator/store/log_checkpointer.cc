#include "coordinator/store/log_checkpointer.h"

#include <utility>

#include "common/base/log.h"

namespace halfpipe {
namespace {

// A failure loses nothing: the log is whole, and a later commit asks again.
void CheckpointLog(SqliteDatabase* database) {
  if (absl::Status status = database->CheckpointLog(); !status.ok()) {
    LogWarning("cannot empty the database's log",
               {{"status", status.message()}});
  }
}

}  // namespace

LogCheckpointer::LogCheckpointer(SqliteDatabase* writer, SqliteDatabase own,
                                 int64_t pages)
    : writer_(writer), own_(std::move(own)), pages_(pages) {
  writer_->ObserveLog([this](int64_t filled) { OnCommit(filled); });
  thread_ = std::thread([this] { Run(); });
}

LogCheckpointer::~LogCheckpointer() {
  writer_->ObserveLog([](int64_t) {});
  {
    absl::MutexLock lock(&mutex_);
    phase_ = Phase::kStopping;
  }
  thread_.join();
}

void LogCheckpointer::OnCommit(int64_t pages) {
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kIdle && pages >= pages_) phase_ = Phase::kCopying;
    if (phase_ != Phase::kCopied) return;
    phase_ = Phase::kIdle;
  }
  CheckpointLog(writer_);
}

void LogCheckpointer::Run() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    const auto is_wanted = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return phase_ == Phase::kCopying || phase_ == Phase::kStopping;
    };
    mutex_.Await(absl::Condition(&is_wanted));
    if (phase_ == Phase::kStopping) return;
    mutex_.Unlock();
    CheckpointLog(&own_);
    mutex_.Lock();
    if (phase_ == Phase::kCopying) phase_ = Phase::kCopied;
  }
}

}  // namespace halfpipe
