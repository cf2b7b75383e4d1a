// The coordinator's settings about who gets in, checked as a whole before
// anything listens.
#ifndef HP_COORDINATOR_API_SERVICE_SECURITY_H_
#define HP_COORDINATOR_API_SERVICE_SECURITY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/auth/tls_files.h"
#include "common/auth/token_book.h"
#include "common/config/service_config.h"
#include "common/metrics/metrics_server.h"
#include "coordinator/api/reload_desk.h"
#include "coordinator/api/server_credentials.h"
#include "coordinator/page/page_sessions.h"

namespace halfpipe {

// What was opened from the settings. Outlives the servers.
struct ServiceSecurity {
  TlsFiles tls;
  std::unique_ptr<TokenBook> tokens;  // null: the open default
  // With tokens, or where the service listens at a Unix socket: not everybody
  // on this machine may call it, so not everybody may act on its page.
  std::unique_ptr<PageSessions> sessions;
  bool is_private = false;  // at a Unix socket, without tokens
  std::unique_ptr<ReloadDesk>
      edits;  // with tokens; null, too: none was to be had

  // Answers whoever has edited the tokens. Every 100 ms, one thread.
  void AnswerEdits() const;

  [[nodiscard]] ServerSecurity ForServer() const {
    return {.tls = tls, .tokens = tokens.get()};
  }

  // For the metrics server at `address`: open where only this machine reaches
  // it, but for routes that need a session; else HTTPS and a token of a person,
  // or a session that came of one.
  [[nodiscard]] MetricsSecurity ForMetrics(const std::string& address) const;

  // Empty: the tokens can be read, or there are none. Else why not, for health.
  [[nodiscard]] std::string TokensProblem() const;

  // The sessions without which the page at `address` shows nothing; null:
  // whoever reaches it may look.
  [[nodiscard]] PageSessions* SessionsAt(const std::string& address) const;
};

// Reads certificate, key and tokens. InvalidArgument, FailedPrecondition or
// NotFound: an address that other machines can reach lacks TLS or tokens, jobs
// of strangers could name any path, or a file is of no use; the message says
// what to set.
[[nodiscard]] absl::StatusOr<ServiceSecurity> OpenServiceSecurity(
    const ServiceConfig& config);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_SERVICE_SECURITY_H_
