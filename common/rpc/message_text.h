// Makes a message one that arrives: protobuf sends a string that is no UTF-8,
// and the other side then cannot read any of the message.
#ifndef HP_COMMON_RPC_MESSAGE_TEXT_H_
#define HP_COMMON_RPC_MESSAGE_TEXT_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace halfpipe {

// Looks at every string of the message and those in it. In those that people
// read (log lines, warnings, reasons, names of machines and devices) bytes that
// are no UTF-8 become "\xE9". Everything else (paths, ids, job files) means
// something by its bytes: InvalidArgument names the field and shows its value.
// A field that is new is of that kind until the list in the .cc names it.
[[nodiscard]] absl::Status MakeTextValid(google::protobuf::Message* message);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_MESSAGE_TEXT_H_
