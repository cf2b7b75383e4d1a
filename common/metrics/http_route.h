// A path of an HTTP server of ours, without the library that serves it.
#ifndef HP_COMMON_METRICS_HTTP_ROUTE_H_
#define HP_COMMON_METRICS_HTTP_ROUTE_H_

#include <functional>
#include <map>
#include <string>

namespace halfpipe {

struct HttpRequest {
  std::string path;   // as it was asked for, without the query
  std::string match;  // what the pattern's first group matched
  std::string body;   // of a POST
  // The secret of the open session that it shows; empty: it shows none.
  std::string session = {};
  bool is_tls = false;
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
  // Asked for a session also where the port is open to everybody.
  bool needs_session = false;
  // Of a POST: the Content-Type that it must have, without parameters. A form
  // of another site cannot send "application/json"; empty: any.
  std::string takes = {};
  // Answered by a thread of its own, whatever the others are busy with. Its
  // handler waits for nobody.
  bool is_urgent = false;
  // Called from the server's threads, several at a time.
  std::function<HttpAnswer(const HttpRequest&)> handler;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_HTTP_ROUTE_H_
