// An HTTP server that strangers cannot fill, hold or block.
#ifndef HP_COMMON_METRICS_HTTP_PORT_H_
#define HP_COMMON_METRICS_HTTP_PORT_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// A path of a server of ours, as whoever serves it sees it.
struct HttpRequest {
  std::string path;   // as it was asked for, without the query
  std::string match;  // what the pattern's first group matched
  std::string body;   // of a POST
};

struct HttpAnswer {
  int status = 200;
  std::string type = "application/json";
  std::string body = {};
  std::map<std::string, std::string> headers = {};
};

struct HttpRoute {
  enum class Method { kGet, kPost };

  Method method = Method::kGet;
  std::string pattern;  // a regular expression for the whole path
  // Anybody may ask: what is served has nothing in it that is secret.
  bool is_open = false;
  // Of a POST: the Content-Type that it must have, without parameters. A form
  // of another site cannot send "application/json"; empty: any.
  std::string takes = {};
  // Answered by a thread of its own, whatever the others are busy with. Its
  // handler waits for nobody.
  bool is_urgent = false;
  // Called from the server's threads, several at a time.
  std::function<HttpAnswer(const HttpRequest&)> handler;
};

// A line of text.
[[nodiscard]] HttpAnswer PlainAnswer(int status, absl::string_view text);

// One request, all of it.
struct HttpCall {
  std::string method;   // "GET" (for HEAD, too) or "POST"
  std::string version;  // "HTTP/1.1"
  std::string path;     // decoded, without the query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;  // "192.0.2.7:4711"

  // How many headers of this name there are, whatever their case.
  [[nodiscard]] int CountOf(absl::string_view name) const;
  // The first one's value; empty: there is none.
  [[nodiscard]] std::string ValueOf(absl::string_view name) const;
};

// What the port asks; called from its threads, several at a time.
struct HttpService {
  // Whether a thread that has nothing else to do answers it.
  std::function<bool(const HttpCall&)> is_urgent;
  // What whoever may not ask is told; nothing: he may.
  std::function<std::optional<HttpAnswer>(const HttpCall&)> refuse;
  std::function<HttpAnswer(const HttpCall&)> answer;
};

// libmicrohttpd behind a ConnectionGate. One thread reads and writes all
// connections and never waits for one; eight others answer, and one more what
// is urgent. A connection is for one request. It holds 32 KiB for the request
// line and headers, and at most 4 KiB of a body whose length is told before;
// what is larger, in pieces or of another method is refused before its body is
// read. Whoever has not sent all of it after ten seconds, or taken all of the
// answer after sixty, is let go. There are 256 connections at a time, 32 of one
// machine that is not this; one too many takes the place of the oldest.
class HttpPort {
 public:
  struct Options {
    std::string certificate = {};  // PEM files; empty: plain HTTP
    std::string key = {};
  };

  static constexpr int kThreads = 8;
  static constexpr size_t kMostBodyBytes = 4096;
  static constexpr size_t kMostPathBytes = 1024;

  // Listens on "host:port". Codes: ConnectionGate::Open's; InvalidArgument:
  // the certificate and key are of no use.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpPort>> Start(
      const std::string& address, const Options& options, HttpService service);
  // Stops; waits for the requests that are being answered.
  ~HttpPort();

  // "host:port" with the real port.
  [[nodiscard]] const std::string& address() const;

 private:
  struct Parts;

  explicit HttpPort(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_HTTP_PORT_H_
