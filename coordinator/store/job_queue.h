// The order in which queued jobs start.
#ifndef HP_COORDINATOR_STORE_JOB_QUEUE_H_
#define HP_COORDINATOR_STORE_JOB_QUEUE_H_

#include <cstdint>
#include <ext/pb_ds/assoc_container.hpp>
#include <ext/pb_ds/tree_policy.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace halfpipe {

// Higher priority first, then the older job (the lower number). Every call is
// logarithmic in the length of the queue, so that each of ten thousand waiting
// jobs can be told its place. Not thread-safe.
class JobQueue {
 public:
  // Moves the job if it is there. `bytes` count as long as it is.
  void Add(const std::string& id, int64_t number, int64_t priority = 0,
           int64_t bytes = 0);
  // No effect for a job that is not there.
  void Remove(const std::string& id);

  // 1 is next; 0: not queued.
  [[nodiscard]] int64_t Position(const std::string& id) const;
  // The first `limit` jobs, in order.
  [[nodiscard]] std::vector<std::string> First(size_t limit) const;

  [[nodiscard]] size_t size() const { return entries_.size(); }

  // Of all jobs that are there.
  [[nodiscard]] int64_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<int64_t, int64_t>;  // -priority, number
  // libstdc++'s red-black tree that counts: the rank of a key is a walk down.
  using Order = __gnu_pbds::tree<Place, std::string, std::less<Place>,
                                 __gnu_pbds::rb_tree_tag,
                                 __gnu_pbds::tree_order_statistics_node_update>;

  struct Entry {
    Place place;
    int64_t bytes = 0;
  };

  Order order_;
  std::map<std::string, Entry> entries_;
  int64_t bytes_ = 0;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_JOB_QUEUE_H_
