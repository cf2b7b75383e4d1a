#include "coordinator/store/store_upkeep.h"

#include <utility>

#include "common/base/status.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/store_copies.h"

namespace halfpipe {
namespace {

absl::Status LookAt(const std::string& state_dir, absl::Time now,
                    StoreUpkeep::Report* report) {
  HP_ASSIGN_OR_RETURN(const SqliteDatabase database,
                      SqliteDatabase::OpenReader(StorePath(state_dir)));
  HP_RETURN_IF_ERROR(CheckPages(database));
  HP_ASSIGN_OR_RETURN(report->rows, FindDamagedRows(database));
  report->copy = CopyStore(database, state_dir, now);
  return absl::OkStatus();
}

}  // namespace

StoreUpkeep::Report LookAfterStore(const std::string& state_dir,
                                   absl::Time now) {
  StoreUpkeep::Report report;
  const absl::Status looked = LookAt(state_dir, now, &report);
  if (absl::IsDataLoss(looked)) {
    report.damage = looked;
  } else if (!looked.ok()) {
    report.copy = looked;
  }
  return report;
}

StoreUpkeep::StoreUpkeep(std::string state_dir)
    : state_dir_(std::move(state_dir)), thread_([this] { Work(); }) {}

StoreUpkeep::~StoreUpkeep() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void StoreUpkeep::Begin(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kIdle) return;
  phase_ = Phase::kWanted;
  now_ = now;
}

std::optional<StoreUpkeep::Report> StoreUpkeep::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(report_, std::nullopt);
}

void StoreUpkeep::Work() {
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || phase_ == Phase::kWanted;
  };
  while (true) {
    absl::Time now;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (stopping_) return;
      phase_ = Phase::kWorking;
      now = now_;
    }
    Report report = LookAfterStore(state_dir_, now);
    absl::MutexLock lock(&mutex_);
    report_ = std::move(report);
    phase_ = Phase::kIdle;
  }
}

}  // namespace halfpipe
