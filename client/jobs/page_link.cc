#include "client/jobs/page_link.h"

#include "absl/strings/str_cat.h"
#include "common/base/address.h"

namespace halfpipe {
namespace {

std::string HostOf(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

// A service that listens on all addresses is where we reach it ourselves.
std::string HostForBrowser(const PageTicket& page, const std::string& service) {
  const std::string host = HostOf(page.address);
  const bool all = host == "0.0.0.0" || host == "[::]";
  return all && !IsUnixAddress(service) ? HostOf(service) : host;
}

std::string FragmentOf(const PageTicket& page, const std::string& id) {
  std::string job = id.empty() ? "" : absl::StrCat("job/", id);
  if (page.ticket.empty()) return job;
  return absl::StrCat("ticket=", page.ticket, job.empty() ? "" : "/", job);
}

}  // namespace

std::string PageLink(const PageTicket& page, const std::string& service,
                     const std::string& job) {
  const std::string fragment = FragmentOf(page, job);
  return absl::StrCat(page.tls ? "https" : "http", "://",
                      HostForBrowser(page, service),
                      page.address.substr(page.address.rfind(':')), "/",
                      fragment.empty() ? "" : "#", fragment);
}

}  // namespace halfpipe
