#include "common/net/connection_budget.h"

#include <utility>

namespace halfpipe {

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

}  // namespace halfpipe
