// Whether the service's ports can be had.
#ifndef HP_CLIENT_DOCTOR_PORTS_H_
#define HP_CLIENT_DOCTOR_PORTS_H_

#include <string>

#include "client/doctor/finding.h"
#include "client/jobs/training_client.h"

namespace halfpipe {

// Tries to listen on loopback's `port`, which `use` takes ("gRPC"). Taken is a
// warning; where `client` is given and a halfpipe coordinator answers it, that
// is who has the port, and all is well.
[[nodiscard]] Finding CheckPort(int port, const std::string& use,
                                TrainingClient* client);

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_PORTS_H_
