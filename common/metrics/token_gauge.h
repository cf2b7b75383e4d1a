// Whether a service can read the tokens that it follows.
#ifndef HP_COMMON_METRICS_TOKEN_GAUGE_H_
#define HP_COMMON_METRICS_TOKEN_GAUGE_H_

#include "common/auth/token_book.h"
#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// halfpipe_tokens_readable: 1 while the tokens file can be read, or where there
// is none; 0 while the tokens of an earlier reading are in force. Looked at
// when somebody asks for the metrics.
class TokenGauge {
 public:
  // Both outlive it; `tokens` may be null.
  TokenGauge(MetricsRegistry* registry, TokenBook* tokens);
  TokenGauge(const TokenGauge&) = delete;
  TokenGauge& operator=(const TokenGauge&) = delete;
  ~TokenGauge();

 private:
  MetricsRegistry* const registry_;
  const int collector_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_TOKEN_GAUGE_H_
