// The order in which queued jobs are started.
#ifndef HP_COORDINATOR_JOB_QUEUE_H_
#define HP_COORDINATOR_JOB_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <ext/pb_ds/assoc_container.hpp>
#include <functional>
#include <string>
#include <tuple>

namespace halfpipe {

// Higher priorities first; among equal ones the job that was created first. A
// job that comes back (paused, interrupted, retried) has the place that its
// number gives it. Not thread-safe.
class JobQueue {
 public:
  void Add(int32_t priority, int64_t number, const std::string& id);
  void Remove(int32_t priority, int64_t number, const std::string& id);

  // 1 is next; 0 for a job that is not queued.
  [[nodiscard]] int64_t PositionOf(int32_t priority, int64_t number,
                                   const std::string& id) const;

  // Calls `visit` for each job in order, with its position, until it returns
  // false. `visit` must not change the queue.
  void ForEach(const std::function<bool(const std::string& id,
                                        int64_t position)>& visit) const;

  [[nodiscard]] size_t size() const { return jobs_.size(); }

 private:
  // The priority's negative, the job's number, its id.
  using Key = std::tuple<int64_t, int64_t, std::string>;

  static Key KeyOf(int32_t priority, int64_t number, const std::string& id) {
    return {-int64_t{priority}, number, id};
  }

  // Every call answers with a place, so the tree counts its nodes.
  using Keys = __gnu_pbds::tree<Key, __gnu_pbds::null_type, std::less<Key>,
                                __gnu_pbds::rb_tree_tag,
                                __gnu_pbds::tree_order_statistics_node_update>;

  Keys jobs_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_JOB_QUEUE_H_
