#include "coordinator/page/page.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/config/job_config.h"
#include "common/metrics/metrics_server.h"
#include "coordinator/page/file_routes.h"
#include "coordinator/page/job_actions.h"
#include "coordinator/page/job_files.h"
#include "coordinator/page/record_json.h"

namespace halfpipe {
namespace {

constexpr int32_t kMostLive = 200;
constexpr int32_t kMostEnded = 20;
constexpr char kJobs[] = "/api/v1/jobs/";
constexpr char kId[] = "[A-Za-z0-9._-]{1,128}";

HttpAnswer Failure(const absl::Status& status) {
  int code = 500;
  if (absl::IsNotFound(status)) code = 404;
  if (absl::IsUnavailable(status)) code = 503;
  if (absl::IsUnauthenticated(status)) code = 401;
  if (absl::IsPermissionDenied(status)) code = 403;
  if (absl::IsInvalidArgument(status)) code = 400;
  if (absl::IsOutOfRange(status)) code = 416;
  if (absl::IsFailedPrecondition(status) || absl::IsAborted(status)) code = 409;
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

// The parts of a path, of which the last may have slashes.
std::vector<std::string> PartsOf(const std::string& match, int parts) {
  return absl::StrSplit(match, absl::MaxSplits('/', parts - 1));
}

int64_t NumberOf(const std::string& digits) {
  int64_t number = 0;
  return absl::SimpleAtoi(digits, &number) ? number : 0;
}

absl::StatusOr<std::string> OutputFolderOf(const Job& job) {
  HP_ASSIGN_OR_RETURN(const JobConfig config,
                      ParseJobConfig(job.config_yaml, "stored config"));
  absl::string_view folder = config.output.dir;
  while (folder.size() > 1 && absl::ConsumeSuffix(&folder, "/")) {
  }
  return std::string(folder);
}

}  // namespace

std::vector<HttpRoute> Page::Routes() {
  std::vector<HttpRoute> routes = PageFileRoutes();
  const std::string job = absl::StrCat(kJobs, "(", kId);
  routes.push_back(DataRoute("/api/v1/overview", &Page::Overview));
  routes.push_back(DataRoute(absl::StrCat(job, ")"), &Page::OneJob));
  routes.push_back(DataRoute(
      absl::StrCat(job, "/steps/[0-9]{1,15}/[0-9]{1,15})"), &Page::Steps));
  routes.push_back(CloseRoute(absl::StrCat(job, ")/log"), &Page::Log));
  routes.push_back(
      CloseRoute(absl::StrCat(job, ")/settings"), &Page::Settings));
  routes.push_back(CloseRoute(absl::StrCat(job, ")/files"), &Page::Files));
  routes.push_back(CloseRoute(
      absl::StrCat(job,
                   "/files/[0-9]{1,15}/[0-9]{1,19}/[0-9]{1,15}/"
                   "[A-Za-z0-9._-]{1,200}(?:/[A-Za-z0-9._-]{1,200})?)"),
      &Page::Piece));
  HttpRoute act = DataRoute(absl::StrCat(job, "/(?:pause|resume|save|cancel))"),
                            &Page::ActOn);
  act.method = HttpRoute::Method::kPost;
  act.takes = "application/json";
  routes.push_back(std::move(act));
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

HttpRoute Page::DataRoute(const std::string& pattern, Maker make) {
  return {.pattern = pattern,
          .needs_session = !anybody_looks_,
          .handler = [this, make](const HttpRequest& request) {
            return Answer(make, request);
          }};
}

HttpRoute Page::CloseRoute(const std::string& pattern, Maker make) {
  HttpRoute route = DataRoute(pattern, make);
  route.handler = [this, make](const HttpRequest& request) {
    if (RightsOf(request).looks_closely) return Answer(make, request);
    return Failure(absl::PermissionDeniedError(
        "this is shown in a session: halfpipe page makes a link"));
  };
  return route;
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

HttpAnswer Page::Answer(Maker make, const HttpRequest& request) {
  const absl::ReaderMutexLock lock(&mutex_);
  if (coordinator_ == nullptr) {
    return Failure(absl::UnavailableError("the service starts or ends"));
  }
  absl::StatusOr<std::string> body = (this->*make)(*coordinator_, request);
  if (!body.ok()) return Failure(body.status());
  HttpAnswer answer{.body = *std::move(body)};
  if (make == &Page::Piece) answer.type = "application/octet-stream";
  return answer;
}

PageRights Page::RightsOf(const HttpRequest& request) const {
  if (sessions_ == nullptr) return {.looks_closely = true, .acts = true};
  const std::optional<Identity> owner =
      sessions_->OwnerOf(request.session, SteadyNow());
  return {.looks_closely = !request.session.empty(),
          .acts = owner.has_value() && MayAct(owner->role)};
}

absl::StatusOr<std::string> Page::Overview(Coordinator& coordinator,
                                           const HttpRequest& /*request*/) {
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
                                         const HttpRequest& request) {
  const std::string& id = request.match;
  HP_ASSIGN_OR_RETURN(const Job job, coordinator.GetJob(id));
  mutex_.AssertReaderHeld();
  HP_ASSIGN_OR_RETURN(const std::vector<LossPoint> curve, curves_->Look(id));
  const absl::StatusOr<std::vector<StepTrace>> trace =
      coordinator.GetTrace(id, 1);
  return JobPageJson(job, curve, trace.value_or(std::vector<StepTrace>()),
                     absl::Now(), RightsOf(request));
}

absl::StatusOr<std::string> Page::Steps(Coordinator& /*coordinator*/,
                                        const HttpRequest& request) {
  const std::vector<std::string> parts = PartsOf(request.match, 4);
  std::string json;
  mutex_.AssertReaderHeld();
  HP_RETURN_IF_ERROR(curves_->Read(parts[0], [&](const JobRecord& record) {
    json =
        StepsJson(record, NumberOf(parts[2]), NumberOf(parts[3]), kMostPoints);
  }));
  return json;
}

absl::StatusOr<std::string> Page::Log(Coordinator& /*coordinator*/,
                                      const HttpRequest& request) {
  std::string json;
  mutex_.AssertReaderHeld();
  HP_RETURN_IF_ERROR(curves_->Read(
      request.match,
      [&json](const JobRecord& record) { json = LogJson(record); }));
  return json;
}

absl::StatusOr<std::string> Page::Settings(Coordinator& coordinator,
                                           const HttpRequest& request) {
  HP_ASSIGN_OR_RETURN(const Job job, coordinator.GetJob(request.match));
  return SettingsJson(job.config_yaml);
}

absl::StatusOr<std::string> Page::Files(Coordinator& coordinator,
                                        const HttpRequest& request) {
  HP_ASSIGN_OR_RETURN(const Job job, coordinator.GetJob(request.match));
  HP_ASSIGN_OR_RETURN(const std::string folder, OutputFolderOf(job));
  return FilesJson(OfferFiles(job, folder));
}

absl::StatusOr<std::string> Page::Piece(Coordinator& coordinator,
                                        const HttpRequest& request) {
  const std::vector<std::string> parts = PartsOf(request.match, 6);
  HP_ASSIGN_OR_RETURN(const Job job, coordinator.GetJob(parts[0]));
  HP_ASSIGN_OR_RETURN(const std::string folder, OutputFolderOf(job));
  return ReadOfferedFile(folder,
                         {.name = parts[5],
                          .bytes = NumberOf(parts[2]),
                          .changed_ns = NumberOf(parts[3])},
                         NumberOf(parts[4]), kPieceBytes);
}

absl::StatusOr<std::string> Page::ActOn(Coordinator& coordinator,
                                        const HttpRequest& request) {
  if (!RightsOf(request).acts) {
    return absl::PermissionDeniedError(
        "only the session of a token that may submit jobs changes one");
  }
  const std::vector<std::string> parts = PartsOf(request.match, 2);
  absl::StatusOr<Job> job = Act(coordinator, parts[0], parts[1]);
  std::optional<Identity> owner;
  if (sessions_ != nullptr) {
    owner = sessions_->OwnerOf(request.session, SteadyNow());
  }
  LogInfo("asked on the page",
          {{"action", parts[1]},
           {"job", parts[0]},
           {"token", owner.has_value() ? owner->name : ""},
           {"answer", job.ok() ? "done" : job.status().message()}});
  HP_RETURN_IF_ERROR(job.status());
  return JobPageJson(*job, {}, {}, absl::Now(), RightsOf(request));
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
  if (!request.is_tls) {
    // No cookie: browsers would send it to every port of this machine.
    return {.body = nlohmann::json{{"session", *session}}.dump()};
  }
  return {.body = "{}",
          .headers = {
              {"Set-Cookie",
               absl::StrCat(kSessionCookie, "=", *session, "; Path=/; Max-Age=",
                            absl::ToInt64Seconds(PageSessions::kSessionLife),
                            "; HttpOnly; Secure; SameSite=Strict")}}};
}

}  // namespace halfpipe
