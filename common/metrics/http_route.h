// A path of the HTTP server beside /metrics and /healthz, without the library
// that serves it.
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
  // Called from the server's threads, several at a time.
  std::function<HttpAnswer(const HttpRequest&)> handler;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_HTTP_ROUTE_H_
