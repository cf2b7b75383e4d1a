// One run of the load test against a coordinator of its own.
#ifndef HP_TESTS_LOAD_LOAD_RUN_H_
#define HP_TESTS_LOAD_LOAD_RUN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/local/child_process.h"
#include "client/local/private_directory.h"
#include "load/latencies.h"
#include "load/load_calls.h"

namespace halfpipe {

struct LoadFlags {
  std::string coordinator;
  std::string config;  // empty: none
  std::string state_dir = "/tmp/halfpipe-load";
  int queue = 10'000;
  int watchers = 200;
  int rate = 1000;
  int seconds = 30;
  double kill_at = 15.0;  // seconds; negative: never
  int lists_per_second = 5;
  int core = 0;                // of the generator; -1: any
  double submit_p99_ms = 0.0;  // 0: only measured
  double list_p99_ms = 0.0;
};

// Starts the coordinator, fills its queue, watches, submits in an open loop,
// kills the coordinator in the middle of it and counts what is there in the
// end. Prints what it measures. Not thread-safe.
class LoadRun {
 public:
  explicit LoadRun(LoadFlags flags)
      : flags_(std::move(flags)),
        socket_dir_(*PrivateDirectory::Create("halfpipe-load")),
        address_(absl::StrCat("unix:", socket_dir_.path(), "/socket")) {}

  // Once. DataLoss: jobs were lost or doubled, or watchers missed events;
  // DeadlineExceeded: slower than the flags ask for.
  [[nodiscard]] absl::Status Run();

  // Ends every call and the coordinator.
  void Stop() {
    if (client_ != nullptr) client_->Drain();
    coordinator_.reset();
  }

 private:
  struct Watcher {
    int64_t cursor = 0;
    bool ended = false;  // the service said so
    bool out_of_order = false;
    absl::Time cancelled_at = absl::InfiniteFuture();
  };

  absl::Status StartCoordinator();
  absl::Status Fill();
  void StartWatchers();
  void Watch(int index);
  void Submit(int number, absl::Time due, bool again = false);
  void SubmitOpenLoop();
  void KillAndRestart();
  void AwaitReturn();
  void ListOnce();
  void CancelWatched(int index);
  absl::Status CheckJobs(const char* when);
  absl::Status CheckWatchers();
  // Has it end by itself, as an operator does.
  absl::Status EndCoordinator();
  absl::Status CheckLimits();
  [[nodiscard]] v1::CreateJobRequest Request(const std::string& id) const;

  // Whether something due then met the outage.
  [[nodiscard]] bool MetOutage(absl::Time due) const {
    return due + absl::Seconds(1) > killed_ && due < back_;
  }

  const LoadFlags flags_;
  // Not the state folder: a build folder's path may be too long for a socket.
  const PrivateDirectory socket_dir_;
  const std::string address_;
  const std::string all_cores_ =
      absl::StrCat("0-", std::thread::hardware_concurrency() - 1);
  std::optional<ChildProcess> coordinator_;
  std::unique_ptr<LoadClient> client_;
  std::map<std::string, int> acknowledged_;  // id: how often
  std::vector<Watcher> watchers_;
  Latencies submits_;
  Latencies interrupted_;
  Latencies lists_;
  Latencies deliveries_;
  int submitted_ = 0;
  int resent_ = 0;
  int list_errors_ = 0;
  int worst_backlog_ = 0;
  absl::Time killed_ = absl::InfiniteFuture();
  absl::Time back_ = absl::InfinitePast();
  std::string refused_;  // the first refusal that is no outage
};

}  // namespace halfpipe

#endif  // HP_TESTS_LOAD_LOAD_RUN_H_
