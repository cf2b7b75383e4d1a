#include "coordinator/api/service_security.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/auth/exposure.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

absl::Status CheckExposures(const ServiceConfig& config) {
  for (const auto& [key, address] :
       {std::pair<absl::string_view, const std::string&>("listen_address",
                                                         config.listen_address),
        std::pair<absl::string_view, const std::string&>(
            "metrics_address", config.metrics_address)}) {
    HP_RETURN_IF_ERROR(
        CheckExposure({.what = key,
                       .address = address,
                       .has_tls = !config.tls.certificate.empty(),
                       .has_tokens = !config.tokens.empty(),
                       .tls_setting = "tls.certificate and tls.key",
                       .tokens_setting = "tokens"}));
  }
  return absl::OkStatus();
}

// Whoever reaches a private service may do everything there.
std::unique_ptr<PageSessions> PrivateSessions() {
  return std::make_unique<PageSessions>(
      [](absl::string_view) { return true; },
      [](absl::string_view) -> std::optional<Identity> {
        return Identity{.name = "", .role = Role::kAdmin};
      });
}

std::unique_ptr<PageSessions> SessionsOf(TokenBook* book) {
  return std::make_unique<PageSessions>(
      [book](absl::string_view token) {
        const std::optional<Identity> identity = book->FindDigest(token);
        return identity.has_value() && identity->role != Role::kStage;
      },
      [book](absl::string_view token) { return book->FindDigest(token); });
}

}  // namespace

MetricsSecurity ServiceSecurity::ForMetrics(const std::string& address) const {
  MetricsSecurity security;
  if (sessions != nullptr) {
    security.has_session = [open = sessions.get()](absl::string_view session) {
      return open->IsOpen(session, SteadyNow());
    };
  }
  if (IsLocalAddress(address)) return security;
  security.certificate = tls.certificate;
  security.key = tls.key;
  security.may_read = [book = tokens.get()](absl::string_view token) {
    return book->IsPerson(token);
  };
  return security;
}

void ServiceSecurity::AnswerEdits() const {
  if (edits == nullptr) return;
  edits->Answer([book = tokens.get()]() -> absl::StatusOr<std::string> {
    HP_RETURN_IF_ERROR(book->Reload());
    return book->TextDigest();
  });
}

std::string ServiceSecurity::TokensProblem() const {
  const std::string problem = tokens == nullptr ? "" : tokens->Problem();
  if (problem.empty()) return "";
  return absl::StrCat(
      "the tokens file cannot be read, so removed tokens may still work: ",
      PrintableText(problem));
}

PageSessions* ServiceSecurity::SessionsAt(const std::string& address) const {
  const bool anybody_looks = IsLocalAddress(address) && !is_private;
  return address.empty() || anybody_looks ? nullptr : sessions.get();
}

absl::StatusOr<ServiceSecurity> OpenServiceSecurity(
    const ServiceConfig& config) {
  HP_RETURN_IF_ERROR(CheckExposures(config));
  ServiceSecurity security;
  security.tls = {.certificate = config.tls.certificate,
                  .key = config.tls.key,
                  .ca = config.tls.client_ca};
  HP_RETURN_IF_ERROR(Annotate(CheckTlsFiles(security.tls, absl::Now()), "tls"));
  if (security.tls.certificate.empty() && !security.tls.ca.empty()) {
    return absl::InvalidArgumentError(
        "tls.client_ca is set without tls.certificate and tls.key");
  }
  if (config.tokens.empty()) {
    security.is_private = IsUnixAddress(config.listen_address);
    if (security.is_private) security.sessions = PrivateSessions();
    return security;
  }
  if (config.roots.empty()) {
    return absl::InvalidArgumentError(
        "roots: with tokens, the folders that jobs may name must be set: "
        "roots.data, roots.models and roots.outputs");
  }
  HP_ASSIGN_OR_RETURN(security.tokens, TokenBook::Open(config.tokens));
  absl::StatusOr<ReloadDesk> desk = ReloadDesk::Open(config.tokens);
  if (desk.ok()) {
    security.edits = std::make_unique<ReloadDesk>(*std::move(desk));
  } else {
    // The file is followed all the same.
    LogWarning("who edits tokens will not hear whether they were read",
               {{"reason", desk.status().message()}});
  }
  security.sessions = SessionsOf(security.tokens.get());
  return security;
}

}  // namespace halfpipe
