// One datagram to a local socket, as systemd takes messages.
#ifndef HP_COMMON_SERVICE_DATAGRAM_H_
#define HP_COMMON_SERVICE_DATAGRAM_H_

#include "absl/strings/string_view.h"

namespace halfpipe {

// Sends `message` to the Unix socket at `path`; "@name" is one in the abstract
// namespace. Does not wait for a reader. False: nobody listens, or the message
// is too large for a datagram. Thread-safe.
bool SendDatagram(absl::string_view path, absl::string_view message);

}  // namespace halfpipe

#endif  // HP_COMMON_SERVICE_DATAGRAM_H_
