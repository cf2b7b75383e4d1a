#include "common/metrics/http_port.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/metrics/answer_threads.h"
#include "common/net/connection_gate.h"

namespace halfpipe {
namespace {

constexpr size_t kConnectionBytes = size_t{32} << 10;
constexpr uint64_t kMostPemBytes = uint64_t{1} << 20;
constexpr unsigned kSilenceSeconds = 10;

ConnectionLimits Limits() {
  return {.in_all = 256,
          .per_machine = 32,
          .unproven_in_all = 256,
          .unproven_per_machine = 32,
          .time_to_prove = std::chrono::seconds(10),
          .lifetime = std::chrono::seconds(60),
          .proven_give_way = true};
}

// A request on its way through the threads.
struct Exchange {
  HttpCall call;
  bool is_asked = false;
  HttpAnswer answer;  // once the connection goes on after `is_asked`
};

MHD_Result AddHeader(void* call, MHD_ValueKind /*kind*/, const char* name,
                     const char* value) {
  static_cast<HttpCall*>(call)->headers.emplace_back(
      name, value == nullptr ? "" : value);
  return MHD_YES;
}

// Empty: libmicrohttpd does not know it.
std::string PeerOf(MHD_Connection* connection) {
  const MHD_ConnectionInfo* peer =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (peer == nullptr || peer->client_addr == nullptr) return "";
  return DescribePeer(peer->client_addr).text;
}

HttpCall CallOf(MHD_Connection* connection, const char* url, const char* method,
                const char* version) {
  HttpCall call{
      .method = absl::EqualsIgnoreCase(method, "HEAD") ? "GET" : method,
      .version = version,
      .path = url,
      .headers = {},
      .body = {},
      .peer = {}};
  MHD_get_connection_values(connection, MHD_HEADER_KIND, &AddHeader, &call);
  call.peer = PeerOf(connection);
  return call;
}

// What is refused for its shape, before any of its body is read.
std::optional<HttpAnswer> RefuseShape(const HttpCall& call) {
  const bool is_post = call.method == "POST";
  if (!is_post && call.method != "GET") {
    return PlainAnswer(405, "only GET and POST are answered here");
  }
  if (call.path.size() > HttpPort::kMostPathBytes) {
    return PlainAnswer(414, "this path is too long");
  }
  if (call.CountOf("Transfer-Encoding") > 0) {
    return PlainAnswer(411, "a body's length must be told before it");
  }
  const int lengths = call.CountOf("Content-Length");
  uint64_t length = 0;
  if (lengths > 1 ||
      (lengths == 1 &&
       !absl::SimpleAtoi(call.ValueOf("Content-Length"), &length))) {
    return PlainAnswer(400, "this is no length of a body");
  }
  if (length > (is_post ? HttpPort::kMostBodyBytes : 0)) {
    return PlainAnswer(413, "this body is too large");
  }
  return std::nullopt;
}

MHD_Result Queue(MHD_Connection* connection, const HttpAnswer& answer) {
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()),
      MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", answer.type.c_str());
  MHD_add_response_header(response, "Connection", "close");
  for (const auto& [name, value] : answer.headers) {
    MHD_add_response_header(response, name.c_str(), value.c_str());
  }
  const MHD_Result queued = MHD_queue_response(
      connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

void Forget(void* /*port*/, MHD_Connection* /*connection*/, void** exchange,
            MHD_RequestTerminationCode /*why*/) {
  delete static_cast<Exchange*>(*exchange);
  *exchange = nullptr;
}

}  // namespace

HttpAnswer PlainAnswer(int status, absl::string_view text) {
  return {.status = status,
          .type = "text/plain; charset=utf-8",
          .body = absl::StrCat(text, "\n")};
}

int HttpCall::CountOf(absl::string_view name) const {
  int count = 0;
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) ++count;
  }
  return count;
}

std::string HttpCall::ValueOf(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

struct HttpPort::Parts {
  explicit Parts(HttpService the_service) : service(std::move(the_service)) {}

  ~Parts() {
    // Nobody comes, those that are asked are answered, the others hang up.
    if (gate != nullptr) gate->Stop();
    urgent.Stop();
    answering.Stop();
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }

  // libmicrohttpd calls it once for the headers, then for each piece of the
  // body, then for the end, and once more after MHD_resume_connection.
  static MHD_Result OnRequest(void* parts, MHD_Connection* connection,
                              const char* url, const char* method,
                              const char* version, const char* upload,
                              size_t* upload_size, void** exchange) {
    return static_cast<Parts*>(parts)->Handle(
        connection, static_cast<Exchange**>(static_cast<void*>(exchange)),
        [&] { return CallOf(connection, url, method, version); },
        absl::string_view(upload, *upload_size), upload_size);
  }

  MHD_Result Handle(MHD_Connection* connection, Exchange** exchange,
                    const std::function<HttpCall()>& make_call,
                    absl::string_view piece, size_t* left) {
    if (*exchange == nullptr) {
      *exchange = new Exchange{.call = make_call(), .answer = {}};
      const std::optional<HttpAnswer> refusal = RefuseShape((*exchange)->call);
      return refusal.has_value() ? Queue(connection, *refusal) : MHD_YES;
    }
    if (!piece.empty()) {
      std::string& body = (*exchange)->call.body;
      if (body.size() + piece.size() > kMostBodyBytes) return MHD_NO;
      body.append(piece.data(), piece.size());
      *left = 0;
      return MHD_YES;
    }
    if ((*exchange)->is_asked) return Queue(connection, (*exchange)->answer);
    return Ask(connection, *exchange);
  }

  // Lets the connection rest until a thread has answered.
  MHD_Result Ask(MHD_Connection* connection, Exchange* exchange) {
    exchange->is_asked = true;
    MHD_suspend_connection(connection);
    AnswerThreads& threads =
        service.is_urgent(exchange->call) ? urgent : answering;
    const bool is_taken = threads.Submit([this, connection, exchange] {
      exchange->answer = Answer(exchange->call);
      MHD_resume_connection(connection);
    });
    if (is_taken) return MHD_YES;
    exchange->answer = PlainAnswer(503, "this service ends");
    MHD_resume_connection(connection);
    return MHD_YES;
  }

  // The answer is complete. The gate's descriptor keeps the connection until
  // the other side has hung up too, or its time is over: closing while a
  // refused body still comes in resets it, which may take the answer from
  // whoever sends.
  static void OnNotice(void* parts, MHD_Connection* connection,
                       void** /*socket_context*/,
                       MHD_ConnectionNotificationCode what) {
    if (what != MHD_CONNECTION_NOTIFY_CLOSED) return;
    const MHD_ConnectionInfo* socket =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (socket != nullptr) shutdown(socket->connect_fd, SHUT_WR);
    static_cast<Parts*>(parts)->gate->LetGo(PeerOf(connection));
  }

  HttpAnswer Answer(const HttpCall& call) {
    std::optional<HttpAnswer> refusal = service.refuse(call);
    if (refusal.has_value()) return *std::move(refusal);
    gate->Prove(call.peer);
    return service.answer(call);
  }

  absl::Status StartDaemon(const Options& options);

  const HttpService service;
  std::unique_ptr<ConnectionGate> gate;
  MHD_Daemon* daemon = nullptr;
  AnswerThreads urgent{1};
  AnswerThreads answering{kThreads};
};

absl::Status HttpPort::Parts::StartDaemon(const Options& options) {
  // With epoll, 0.9.75 takes 128 events at a time, and where that is all there
  // is, it waits for another, up to kSilenceSeconds, before it looks at them.
  unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                   MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
  std::vector<MHD_OptionItem> tls;
  std::string certificate;
  std::string key;
  if (!options.certificate.empty()) {
    flags |= MHD_USE_TLS;
    HP_ASSIGN_OR_RETURN(certificate,
                        ReadFile(options.certificate, kMostPemBytes));
    HP_ASSIGN_OR_RETURN(key, ReadFile(options.key, kMostPemBytes));
    static constexpr char kProtocols[] =
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    tls = {{MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.data()},
           {MHD_OPTION_HTTPS_MEM_KEY, 0, key.data()},
           {MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kProtocols)}};
  }
  tls.push_back({MHD_OPTION_END, 0, nullptr});
  daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &OnRequest, this, MHD_OPTION_ARRAY,
      tls.data(), MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,
      // Its own limits are behind the gate's: those that the gate has ended may
      // not have left yet.
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(4 * Limits().in_all),
      MHD_OPTION_CONNECTION_TIMEOUT, kSilenceSeconds,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, &Forget,
      this, MHD_OPTION_NOTIFY_CONNECTION, &OnNotice, this, MHD_OPTION_END);
  if (daemon != nullptr) return absl::OkStatus();
  if (options.certificate.empty()) {
    return absl::UnavailableError("the HTTP server cannot start");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("HTTPS cannot be served with the certificate ",
                   options.certificate, " and the key ", options.key));
}

absl::StatusOr<std::unique_ptr<HttpPort>> HttpPort::Start(
    const std::string& address, const Options& options, HttpService service) {
  auto parts = std::make_unique<Parts>(std::move(service));
  HP_ASSIGN_OR_RETURN(
      parts->gate,
      ConnectionGate::Open(address, {.name = "http",
                                     .limits = Limits(),
                                     .descriptors = GetDescriptorBudget()}));
  HP_RETURN_IF_ERROR(parts->StartDaemon(options));
  parts->gate->Start(
      [daemon = parts->daemon](int fd, const sockaddr* from, uint32_t size) {
        // It closes what it does not take.
        (void)MHD_add_connection(daemon, fd, from, size);
      });
  return std::unique_ptr<HttpPort>(new HttpPort(std::move(parts)));
}

HttpPort::HttpPort(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpPort::~HttpPort() = default;

const std::string& HttpPort::address() const { return parts_->gate->address(); }

}  // namespace halfpipe
