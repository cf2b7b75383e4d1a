// Who is connected to one port, and who has to go when there are too many; and
// file descriptors as a budget: strangers' connections must not use up those
// that jobs need.
#ifndef HP_COMMON_NET_CONNECTION_BUDGET_H_
#define HP_COMMON_NET_CONNECTION_BUDGET_H_

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfpipe {

struct PeerAddress {
  std::string text;  // "192.0.2.7:4711", "[2001:db8::7]:4711"
  // What one machine has: its IPv4 address, or the 64 bits of IPv6 that a
  // network gives to one, as "2001:db8::/64".
  std::string machine;
  bool is_local = false;  // a loopback address
};

// IPv4 addresses in the form of IPv6 ("::ffff:192.0.2.7") are IPv4 addresses.
// Any other family: three empty fields.
[[nodiscard]] PeerAddress DescribePeer(const sockaddr* address);

struct ConnectionLimits {
  int64_t in_all = 1024;
  // Of one machine. Not of this one: all who come through a proxy or a tunnel
  // look like this machine.
  int64_t per_machine = 256;
  // How many of those may be unproven at once.
  int64_t unproven_in_all = 256;
  int64_t unproven_per_machine = 64;
  // Longer than this nobody stays unproven.
  std::chrono::steady_clock::duration time_to_prove = std::chrono::seconds(20);
  // Longer than this nobody stays at all.
  std::chrono::steady_clock::duration lifetime = std::chrono::hours(24 * 365);
  // Longer than this nobody stays who has had his answer.
  std::chrono::steady_clock::duration time_to_leave = std::chrono::seconds(2);
  // Where all places are taken by proven ones: whether the oldest of them gives
  // way to who comes, or who comes is refused.
  bool proven_give_way = false;
};

// A connection is unproven until it has asked for something that it may ask
// for: silent ones, slow ones and those without a token stay so. They have few
// places, and the oldest of them gives its own to who comes. So a flood of them
// keeps out neither those who are served nor, for longer than a moment, those
// who come. One thread at a time.
class ConnectionBudget {
 public:
  using Id = int64_t;
  using Time = std::chrono::steady_clock::time_point;

  struct Verdict {
    bool admitted = false;
    std::optional<Id> gives_way;  // to be ended; no longer counted
  };

  explicit ConnectionBudget(const ConnectionLimits& limits) : limits_(limits) {}

  // `id` is larger than all before it.
  [[nodiscard]] Verdict Admit(Id id, const PeerAddress& peer, Time now);
  // The oldest that is unproven, no longer counted: where descriptors run out.
  [[nodiscard]] std::optional<Id> GiveWay();
  // What is not known is not minded.
  void Prove(Id id);
  // It has its answer, and need only hang up.
  void LetGo(Id id, Time now);
  void Remove(Id id);
  // Those whose time is over; no longer counted.
  [[nodiscard]] std::vector<Id> TakeOverdue(Time now);

  [[nodiscard]] int64_t in_all() const { return all_.connections; }

  [[nodiscard]] int64_t unproven() const { return all_.unproven; }

 private:
  struct Connection {
    std::string machine;
    bool is_local;
    bool is_proven;
    Time since;
    std::optional<Time> let_go;
  };

  struct Count {
    int64_t connections = 0;
    int64_t unproven = 0;
  };

  // The oldest one of `machine` (null: of any) that gives way.
  [[nodiscard]] std::optional<Id> Oldest(const std::string* machine,
                                         bool proven_too) const;
  void Add(const Connection& connection, int64_t sign);

  const ConnectionLimits limits_;
  std::map<Id, Connection> connections_;  // the oldest first
  std::map<std::string, Count> machines_;
  Count all_;
};

// Raises this process' limit of open files to what it may have, 65,536 at
// most, so that connections and files do not crowd each other. For daemons, at
// start.
void RaiseDescriptorLimit();

// Numbers of descriptors, of which the kernel gives the lowest that is free: so
// a new one's says how many there are, whoever has them.
struct DescriptorBudget {
  // From here on a connection has to take the place of another one,
  int64_t first_scarce = int64_t{1} << 30;
  // and from here on there is none: the rest is for files, databases, pipes.
  int64_t first_reserved = int64_t{1} << 30;
};

// For this process' limit: 256 and 128 below it, or half and a quarter of it
// where it is lower than 512. Never fails.
[[nodiscard]] DescriptorBudget GetDescriptorBudget();

}  // namespace halfpipe

#endif  // HP_COMMON_NET_CONNECTION_BUDGET_H_
