#include "coordinator/page/page.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/metrics/metrics_server.h"
#include "coordinator/page/page_files.h"
#include "coordinator/page/page_json.h"

namespace halfpipe {
namespace {

constexpr int32_t kMostLive = 200;
constexpr int32_t kMostEnded = 20;

HttpRoute FileRoute(const std::string& pattern, const std::string& type,
                    absl::string_view content) {
  return {.pattern = pattern,
          .is_open = true,
          .handler = [type, content](const HttpRequest&) {
            return HttpAnswer{.type = type, .body = std::string(content)};
          }};
}

HttpAnswer Failure(const absl::Status& status) {
  int code = 500;
  if (absl::IsNotFound(status)) code = 404;
  if (absl::IsUnavailable(status)) code = 503;
  if (absl::IsUnauthenticated(status)) code = 401;
  if (absl::IsInvalidArgument(status)) code = 400;
  return {.status = code, .body = ErrorJson(status.message())};
}

// The first jobs in these states.
absl::StatusOr<std::vector<Job>> Some(Coordinator& coordinator,
                                      std::vector<JobState> states,
                                      int32_t most) {
  JobQuery query;
  query.states = std::move(states);
  query.page_size = most;
  HP_ASSIGN_OR_RETURN(JobPage page, coordinator.ListJobs(query));
  return std::move(page.jobs);
}

}  // namespace

std::vector<HttpRoute> Page::Routes() {
  std::vector<HttpRoute> routes = {
      FileRoute("/", "text/html; charset=utf-8", PageIndexHtml()),
      FileRoute("/page\\.css", "text/css; charset=utf-8", PageCss()),
      FileRoute("/page\\.js", "text/javascript; charset=utf-8", PageJs())};
  routes.push_back(
      {.pattern = "/api/v1/overview", .handler = [this](const HttpRequest&) {
         return WithCoordinator([this](Coordinator& coordinator) {
           return Overview(coordinator);
         });
       }});
  routes.push_back({.pattern = "/api/v1/jobs/([A-Za-z0-9._-]{1,128})",
                    .handler = [this](const HttpRequest& request) {
                      return WithCoordinator([&](Coordinator& coordinator) {
                        return OneJob(coordinator, request.match);
                      });
                    }});
  if (sessions_ == nullptr) return routes;
  routes.push_back({.method = HttpRoute::Method::kPost,
                    .pattern = "/api/v1/session",
                    .is_open = true,
                    .takes = "application/json",
                    .handler = [this](const HttpRequest& request) {
                      return LogIn(request);
                    }});
  return routes;
}

void Page::Open(Coordinator* coordinator) {
  const absl::MutexLock lock(&mutex_);
  coordinator_ = coordinator;
  curves_ = std::make_unique<CurveBook>(
      [coordinator](
          const std::string& job,
          int64_t after_cursor) -> absl::StatusOr<std::vector<JobEvent>> {
        // What is stored, without waiting for more.
        HP_ASSIGN_OR_RETURN(
            Coordinator::EventBatch batch,
            coordinator->WaitForEvents(job, after_cursor, absl::InfinitePast(),
                                       [] { return true; }));
        return std::move(batch.events);
      });
}

void Page::Close() {
  const absl::MutexLock lock(&mutex_);
  coordinator_ = nullptr;
  curves_.reset();
}

HttpAnswer Page::WithCoordinator(
    const std::function<absl::StatusOr<std::string>(Coordinator&)>& make) {
  const absl::ReaderMutexLock lock(&mutex_);
  if (coordinator_ == nullptr) {
    return Failure(absl::UnavailableError("the service starts or ends"));
  }
  absl::StatusOr<std::string> json = make(*coordinator_);
  if (!json.ok()) return Failure(json.status());
  return {.body = *std::move(json)};
}

absl::StatusOr<std::string> Page::Overview(Coordinator& coordinator) {
  HP_ASSIGN_OR_RETURN(
      const std::vector<Job> live,
      Some(coordinator,
           {JobState::kQueued, JobState::kPreparing, JobState::kRunning,
            JobState::kSaving, JobState::kPausing, JobState::kPaused,
            JobState::kCancelling},
           kMostLive));
  HP_ASSIGN_OR_RETURN(
      const std::vector<Job> ended,
      Some(coordinator,
           {JobState::kDone, JobState::kFailed, JobState::kCancelled},
           kMostEnded));
  return OverviewJson(coordinator.Info(), live, ended, absl::Now());
}

absl::StatusOr<std::string> Page::OneJob(Coordinator& coordinator,
                                         const std::string& id) {
  HP_ASSIGN_OR_RETURN(const Job job, coordinator.GetJob(id));
  mutex_.AssertReaderHeld();
  HP_ASSIGN_OR_RETURN(const std::vector<LossPoint> curve, curves_->Look(id));
  const absl::StatusOr<std::vector<StepTrace>> trace =
      coordinator.GetTrace(id, 1);
  return JobPageJson(job, curve, trace.value_or(std::vector<StepTrace>()),
                     absl::Now());
}

HttpAnswer Page::LogIn(const HttpRequest& request) {
  const auto json = nlohmann::json::parse(request.body, nullptr,
                                          /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("ticket") ||
      !json["ticket"].is_string()) {
    return Failure(absl::InvalidArgumentError(
        "expected {\"ticket\": \"...\"}, from halfpipe page"));
  }
  const absl::StatusOr<std::string> session =
      sessions_->Exchange(json["ticket"].get<std::string>(), SteadyNow());
  if (!session.ok()) {
    LogWarning("page: a login was refused",
               {{"reason", session.status().message()}});
    return Failure(session.status());
  }
  return {.body = "{}",
          .headers = {
              {"Set-Cookie",
               absl::StrCat(kSessionCookie, "=", *session, "; Path=/; Max-Age=",
                            absl::ToInt64Seconds(PageSessions::kSessionLife),
                            "; HttpOnly; Secure; SameSite=Strict")}}};
}

}  // namespace halfpipe
