// One run of the decoder: a request on one descriptor, the answers on another.
#ifndef HP_DECODE_SESSION_H_
#define HP_DECODE_SESSION_H_

#include "absl/status/status.h"

namespace halfpipe {

// Reads the request, opens every file of it, confines the process for good and
// answers each item (common/data/decode_protocol.h). What is wrong with a file
// is an answer; a status that is not OK means that the run itself failed:
// InvalidArgument for a malformed request, Internal when the process cannot be
// confined, Unavailable when the parent stops reading.
[[nodiscard]] absl::Status RunSession(int input_fd, int output_fd);

}  // namespace halfpipe

#endif  // HP_DECODE_SESSION_H_
