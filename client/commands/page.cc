// halfpipe page [ID]: where the service's page is, and what opens it.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "client/jobs/page_link.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

struct PageOptions {
  ServiceFlags service;
  std::string id;
  bool only_print = false;
};

bool Open(const std::string& url, const PageOptions& options,
          const CommandContext& context) {
  const auto& open_url = context.environment.open_url;
  return !options.only_print && open_url != nullptr && open_url(url);
}

absl::StatusOr<ExitCode> ShowPage(const PageOptions& options,
                                  CommandContext& context) {
  const auto client = Connect(options.service, context);
  if (!options.id.empty()) {
    HP_RETURN_IF_ERROR(CheckIsThere(*client, options.id));
  }
  HP_ASSIGN_OR_RETURN(const PageTicket page, client->CreatePageTicket());
  const std::string url = PageLink(page, options.service.address, options.id);
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(nlohmann::ordered_json{{"url", url}}, 2) << "\n";
  } else {
    context.out << PrintableText(url) << std::endl;
    if (Open(url, options, context)) {
      context.err << "Opened in the browser.\n";
      return ExitCode::kOk;
    }
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
      "page", "Open the service's page in the browser, or print its address");
  command->add_option("id", options->id, "Open the page of this job");
  command->add_flag("--no-open", options->only_print, "Print only the address");
  AddServiceFlags(command, &options->service);
  SetAction(command, context, options, ShowPage);
}

}  // namespace halfpipe
