// The table of the service file's keys.

#include "common/config/field_kinds.h"
#include "common/config/job_fields.h"

namespace halfpipe {
namespace {

using Table = FieldTable;

constexpr KeyRole kPlain{};

void AddSecurity(ServiceConfig& c, Table& t) {
  t.Add("tls.certificate", Path(&c.tls.certificate), kPlain,
        "This service's certificate, with its chain: PEM. Clients and stages "
        "then speak TLS, and metrics are read by HTTPS.");
  t.Add("tls.key", Path(&c.tls.key), kPlain,
        "The certificate's private key: PEM, without a password, readable by "
        "the service's user alone.");
  t.Add("tls.client_ca", Path(&c.tls.client_ca), kPlain,
        "Clients and stages must show a certificate that one of these has "
        "signed (mutual TLS). Empty: they need none.");
  t.Add("tokens", Path(&c.tokens), kPlain,
        "File with the accepted tokens, written by `halfpipe-coordinator token "
        "add`. Empty: everybody who can connect is accepted.");
  t.Add("roots.data", PathList(&c.roots.data), kPlain,
        "Folders that the data and caches of a job must lie in. Needed, with "
        "the two below, as soon as there are tokens; without all three a job "
        "may name any path.");
  t.Add("roots.models", PathList(&c.roots.models), kPlain,
        "The same for models and for LoRA files to start from.");
  t.Add("roots.outputs", PathList(&c.roots.outputs), kPlain,
        "The same for output folders.");
}

void AddLimits(ServiceLimits& l, Table& t) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  t.Add("limits.message_size", Bytes(&l.message_bytes, kMiB, 1024 * kMiB),
        kPlain,
        "Largest message to the service. The list of a data set's samples is "
        "one message, with about 1 KiB for each sample.");
  t.Add("limits.config_size", Bytes(&l.config_bytes, 1024, 16 * kMiB), kPlain,
        "Largest job file.");
  t.Add("limits.queued_jobs", Integer(&l.queued_jobs, 1, 10000000), kPlain,
        "Jobs that may wait at once.");
  t.Add("limits.watches", Integer(&l.watches, 1, 4096), kPlain,
        "Clients that may follow a job at once.");
  t.Add("limits.connections", Integer(&l.connections, 16, 16384), kPlain,
        "Connections to listen_address at the same time, over TCP. Connections "
        "without an accepted call get a quarter of the places: if there are "
        "more, each new one ends the oldest of them, and all of them end after "
        "20 seconds.");
  t.Add("limits.machine_connections", Integer(&l.machine_connections, 4, 16384),
        kPlain,
        "How many of those may come from one other machine: an IPv4 address, "
        "or a /64 of IPv6.");
  t.Add("limits.watches_per_token", Integer(&l.watches_per_token, 1, 4096),
        kPlain, "Clients with one token that may follow a job at once.");
  t.Add("limits.queued_jobs_per_token",
        Integer(&l.queued_jobs_per_token, 1, 10000000), kPlain,
        "Jobs of one token that may wait at once.");
  t.Add("limits.queued_bytes_per_token",
        Bytes(&l.queued_bytes_per_token, 1024, 16384 * kMiB), kPlain,
        "How large the job files of those may be together.");
  t.Add("limits.queued_bytes", Bytes(&l.queued_bytes, kMiB, 64 * 1024 * kMiB),
        kPlain, "How large the job files of all waiting jobs may be together.");
}

void AddRetention(RetentionConfig& r, Table& t) {
  t.Add("retention.days", Integer(&r.days, 1, 36500), kPlain,
        "The record of a job (what `list`, `show` and `logs` say about it) is "
        "deleted this many days after it has ended. Its output folder stays.");
  t.Add("retention.ended_jobs", Integer(&r.ended_jobs, 1, 10000000), kPlain,
        "If more jobs than this have ended, the records of those that ended "
        "first are deleted.");
}

}  // namespace

std::vector<Field> ServiceFields(ServiceConfig* config) {
  Table table;
  table.Add(
      "listen_address", Text(&config->listen_address), kPlain,
      "Where clients and stages connect: host:port, or unix:/path. One that "
      "other machines can reach needs tls and tokens.");
  table.Add(
      "metrics_address", Text(&config->metrics_address), kPlain,
      "Where Prometheus reads metrics: host:port; empty: nowhere. One that "
      "other machines can reach needs tls and tokens.");
  table.Add("state_dir", Path(&config->state_dir), kPlain,
            "Folder of the job database.");
  table.Add("log_level",
            Choice(&config->log_level, {"debug", "info", "warning", "error"}),
            kPlain, "The least severe log lines that are written.");
  table.Add("lease_seconds", Integer(&config->lease_seconds, 1, 3600), kPlain,
            "A stage that has sent nothing for this long counts as dead.");
  AddSecurity(*config, table);
  AddLimits(config->limits, table);
  AddRetention(config->retention, table);
  return table.Take();
}

}  // namespace halfpipe
