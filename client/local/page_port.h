// Where a service of one command serves its page.
#ifndef HP_CLIENT_LOCAL_PAGE_PORT_H_
#define HP_CLIENT_LOCAL_PAGE_PORT_H_

#include <string>

namespace halfpipe {

// Next to a service's own 9700, so that both can run, and always the same, so
// that a tunnel to it can be a habit.
inline constexpr int kPagePort = 9707;

// "127.0.0.1:PORT" with `port` where it is free, else with 0, for one that is.
// Somebody else may take it right after.
[[nodiscard]] std::string PageAddress(int port = kPagePort);

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_PAGE_PORT_H_
