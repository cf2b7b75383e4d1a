#include "common/net/connection_budget.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"

namespace halfpipe {
namespace {

constexpr size_t kNetworkBytes = 8;

PeerAddress DescribeV4(in_addr host, in_port_t port) {
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &host, text, sizeof(text));
  return {.text = absl::StrCat(text, ":", ntohs(port)),
          .machine = text,
          .is_local = (ntohl(host.s_addr) >> 24) == 127};
}

PeerAddress DescribeV6(const in6_addr& host, in_port_t port) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &host, text, sizeof(text));
  PeerAddress peer;
  peer.text = absl::StrCat("[", text, "]:", ntohs(port));
  peer.is_local = IN6_IS_ADDR_LOOPBACK(&host) != 0;
  in6_addr network = host;
  std::fill(std::begin(network.s6_addr) + kNetworkBytes,
            std::end(network.s6_addr), uint8_t{0});
  inet_ntop(AF_INET6, &network, text, sizeof(text));
  peer.machine = peer.is_local ? "::1" : absl::StrCat(text, "/64");
  return peer;
}

// Some libraries ask for a place for each descriptor that there may be.
constexpr rlim_t kMostDescriptors = 65'536;
constexpr int64_t kMostKept = 256;

}  // namespace

ConnectionBudget::Verdict ConnectionBudget::Admit(Id id,
                                                  const PeerAddress& peer,
                                                  Time now) {
  Verdict verdict;
  const Count own = machines_[peer.machine];
  const bool own_are_many =
      !peer.is_local && (own.connections >= limits_.per_machine ||
                         own.unproven >= limits_.unproven_per_machine);
  const bool all_are_many = all_.connections >= limits_.in_all ||
                            all_.unproven >= limits_.unproven_in_all;
  if (own_are_many || all_are_many) {
    const std::string* machine = own_are_many ? &peer.machine : nullptr;
    verdict.gives_way = Oldest(machine, /*proven_too=*/false);
    if (!verdict.gives_way.has_value() && limits_.proven_give_way) {
      verdict.gives_way = Oldest(machine, /*proven_too=*/true);
    }
    if (!verdict.gives_way.has_value()) {
      if (own.connections == 0) machines_.erase(peer.machine);
      return verdict;
    }
    Remove(*verdict.gives_way);
  }
  verdict.admitted = true;
  Connection connection{.machine = peer.machine,
                        .is_local = peer.is_local,
                        .is_proven = false,
                        .since = now,
                        .let_go = std::nullopt};
  Add(connection, 1);
  connections_.emplace(id, std::move(connection));
  return verdict;
}

std::optional<ConnectionBudget::Id> ConnectionBudget::GiveWay() {
  const std::optional<Id> oldest = Oldest(nullptr, /*proven_too=*/false);
  if (oldest.has_value()) Remove(*oldest);
  return oldest;
}

void ConnectionBudget::Prove(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.is_proven) return;
  Add(found->second, -1);
  found->second.is_proven = true;
  Add(found->second, 1);
}

void ConnectionBudget::LetGo(Id id, Time now) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) found->second.let_go = now;
}

void ConnectionBudget::Remove(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Add(found->second, -1);
  connections_.erase(found);
}

std::vector<ConnectionBudget::Id> ConnectionBudget::TakeOverdue(Time now) {
  std::vector<Id> overdue;
  for (const auto& [id, connection] : connections_) {
    const auto age = now - connection.since;
    if (age >= limits_.lifetime ||
        (!connection.is_proven && age >= limits_.time_to_prove) ||
        (connection.let_go.has_value() &&
         now - *connection.let_go >= limits_.time_to_leave)) {
      overdue.push_back(id);
    }
  }
  for (const Id id : overdue) Remove(id);
  return overdue;
}

std::optional<ConnectionBudget::Id> ConnectionBudget::Oldest(
    const std::string* machine, bool proven_too) const {
  for (const auto& [id, connection] : connections_) {
    if (machine != nullptr && connection.machine != *machine) continue;
    if (!connection.is_proven || proven_too) return id;
  }
  return std::nullopt;
}

void ConnectionBudget::Add(const Connection& connection, int64_t sign) {
  Count& machine = machines_[connection.machine];
  for (Count* count : {&machine, &all_}) {
    count->connections += sign;
    if (!connection.is_proven) count->unproven += sign;
  }
  if (machine.connections == 0 && machine.unproven == 0) {
    machines_.erase(connection.machine);
  }
}

PeerAddress DescribePeer(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4 = {};
    std::memcpy(&v4, address, sizeof(v4));
    return DescribeV4(v4.sin_addr, v4.sin_port);
  }
  if (address->sa_family != AF_INET6) return {};
  sockaddr_in6 v6 = {};
  std::memcpy(&v6, address, sizeof(v6));
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return DescribeV6(v6.sin6_addr, v6.sin6_port);
  }
  in_addr v4 = {};
  std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof(v4));
  return DescribeV4(v4, v6.sin6_port);
}

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMostDescriptors);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    LogWarning("the limit of open files cannot be raised",
               {{"wanted", static_cast<int64_t>(wanted)}, {"errno", errno}});
  }
}

DescriptorBudget GetDescriptorBudget() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  const auto most =
      static_cast<int64_t>(std::min(limit.rlim_cur, rlim_t{1} << 30));
  const int64_t kept = std::min(kMostKept, most / 2);
  return {.first_scarce = most - kept, .first_reserved = most - kept / 2};
}

}  // namespace halfpipe
