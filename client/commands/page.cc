// halfpipe page [ID]: where the service's page is, and what opens it.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "common/base/address.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

struct PageOptions {
  ServiceFlags service;
  std::string id;
};

std::string HostOf(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

// A service that listens on all addresses is where we reach it ourselves.
std::string HostForBrowser(const PageTicket& page, const std::string& service) {
  const std::string host = HostOf(page.address);
  const bool all = host == "0.0.0.0" || host == "[::]";
  return all && !IsUnixAddress(service) ? HostOf(service) : host;
}

// What stands behind # is not sent to anybody.
std::string FragmentOf(const PageTicket& page, const std::string& id) {
  std::string job = id.empty() ? "" : absl::StrCat("job/", id);
  if (page.ticket.empty()) return job;
  return absl::StrCat("ticket=", page.ticket, job.empty() ? "" : "/", job);
}

absl::StatusOr<ExitCode> ShowPage(const PageOptions& options,
                                  CommandContext& context) {
  const auto client = Connect(options.service, context);
  if (!options.id.empty()) {
    HP_RETURN_IF_ERROR(CheckIsThere(*client, options.id));
  }
  HP_ASSIGN_OR_RETURN(const PageTicket page, client->CreatePageTicket());
  const std::string fragment = FragmentOf(page, options.id);
  const std::string url =
      absl::StrCat(page.tls ? "https" : "http", "://",
                   HostForBrowser(page, options.service.address),
                   page.address.substr(page.address.rfind(':')), "/",
                   fragment.empty() ? "" : "#", fragment);
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(nlohmann::ordered_json{{"url", url}}, 2) << "\n";
  } else {
    context.out << PrintableText(url) << "\n";
  }
  if (!page.ticket.empty()) {
    context.err << "The link is good for five minutes, once.\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void AddPageCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<PageOptions>();
  CLI::App* command = app.add_subcommand(
      "page",
      "Print the address of the service's page, with a ticket to get in");
  command->add_option("id", options->id, "A job on it");
  AddServiceFlags(command, &options->service);
  SetAction(command, context, options, ShowPage);
}

}  // namespace halfpipe
