// The page's files as paths of an HTTP server.
#ifndef HP_COORDINATOR_PAGE_FILE_ROUTES_H_
#define HP_COORDINATOR_PAGE_FILE_ROUTES_H_

#include <vector>

#include "common/metrics/http_port.h"

namespace halfpipe {

// Open to everybody: there is nothing in them but how to draw.
[[nodiscard]] std::vector<HttpRoute> PageFileRoutes();

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_FILE_ROUTES_H_
