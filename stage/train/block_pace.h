// How far the host runs ahead of the device: a stop must not wait for a whole
// step that is enqueued already.
#ifndef HP_STAGE_TRAIN_BLOCK_PACE_H_
#define HP_STAGE_TRAIN_BLOCK_PACE_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <deque>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// Lets blocks wait on the device behind the one that runs: about half a
// second's, and always one, which keeps the device busy. That and two blocks is
// what a stop may have to wait for. One thread.
class BlockPace {
 public:
  explicit BlockPace(at::Device device) : device_(device) {}

  // Of the blocks from now on.
  void SetStop(std::stop_token stop) { stop_ = std::move(stop); }

  // Called before a block is enqueued: waits for its turn. Cancelled once a
  // stop is requested; Internal for a fault of the device. On the CPU, where a
  // block is done when its call returns, it only looks at the stop.
  [[nodiscard]] absl::Status Next();

  // Forgets what was enqueued.
  void Clear();

 private:
  // Takes the oldest end, which is set, and how long its block took.
  [[nodiscard]] absl::Status Pop();

  const at::Device device_;
  std::stop_token stop_;
  std::deque<EventPtr> ends_;  // of the blocks that may not be done
  EventPtr last_done_;
  size_t may_wait_ = 1;  // blocks behind the one that runs
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_BLOCK_PACE_H_
