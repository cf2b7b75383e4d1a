#include "coordinator/store/group_commit.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {

// `change` and `status` belong to the thread that commits until `done`. The
// mutex guards the rest.
class GroupCommit::Entry {
 public:
  explicit Entry(Change the_change) : change(std::move(the_change)) {}

  Change change;
  absl::Status status;
  bool done = false;

  // Each entry has its own: where a thousand wait, a commit must not wake all.
  absl::CondVar turn;
  int waiting = 0;
};

GroupCommit::Ticket GroupCommit::Add(Change change) {
  auto ticket = std::make_shared<Entry>(std::move(change));
  absl::MutexLock lock(&mutex_);
  queue_.push_back(ticket);
  return ticket;
}

absl::Status GroupCommit::Wait(const Ticket& ticket) {
  absl::MutexLock lock(&mutex_);
  while (!ticket->done) {
    if (committing_) {
      ++ticket->waiting;
      ticket->turn.Wait(&mutex_);
      --ticket->waiting;
      continue;
    }
    committing_ = true;
    const std::vector<Ticket> batch = std::exchange(queue_, {});
    mutex_.Unlock();
    Commit(batch);
    mutex_.Lock();
    for (const Ticket& entry : batch) {
      entry->done = true;
      entry->turn.SignalAll();
    }
    committing_ = false;
    WakeNextLeader();
  }
  return ticket->status;
}

void GroupCommit::WakeNextLeader() {
  const auto next =
      std::find_if(queue_.begin(), queue_.end(),
                   [](const Ticket& entry) { return entry->waiting > 0; });
  if (next != queue_.end()) (*next)->turn.Signal();
}

bool GroupCommit::IsDone(const Ticket& ticket) {
  absl::MutexLock lock(&mutex_);
  return ticket->done;
}

void GroupCommit::Commit(const std::vector<Ticket>& batch) {
  const absl::Status status = RunAll(batch);
  for (const Ticket& entry : batch) {
    if (entry->status.ok()) entry->status = status;
    entry->change = nullptr;  // what it holds is not needed any more
  }
}

absl::Status GroupCommit::RunAll(const std::vector<Ticket>& batch) {
  HP_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  for (const Ticket& entry : batch) {
    entry->status = RunOne(entry.get(), batch.size() == 1);
    // SQLite itself takes everything back where the disk is full or broken.
    if (!database_->InTransaction()) {
      return entry->status.ok()
                 ? absl::InternalError("a change ended its own transaction")
                 : entry->status;
    }
    if (!entry->status.ok() && batch.size() == 1) return entry->status;
  }
  return transaction.Commit();
}

absl::Status GroupCommit::RunOne(Entry* entry, bool alone) {
  if (alone) return entry->change();
  HP_RETURN_IF_ERROR(database_->Execute("SAVEPOINT change"));
  absl::Status status = entry->change();
  if (!status.ok() && database_->InTransaction()) {
    HP_RETURN_IF_ERROR(database_->Execute("ROLLBACK TO change"));
  }
  if (database_->InTransaction()) {
    HP_RETURN_IF_ERROR(database_->Execute("RELEASE change"));
  }
  return status;
}

}  // namespace halfpipe
