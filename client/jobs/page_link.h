// The link that opens a service's page.
#ifndef HP_CLIENT_JOBS_PAGE_LINK_H_
#define HP_CLIENT_JOBS_PAGE_LINK_H_

#include <string>

#include "common/jobs/job_types.h"

namespace halfpipe {

// "http://127.0.0.1:9700/#job/ID"; an empty `job`: the page of all of them. The
// ticket, if there is one, stands behind # as well: what does is not sent to
// anybody. `service` is the address by which we reach the service: a page that
// is served at all addresses is at that host.
[[nodiscard]] std::string PageLink(const PageTicket& page,
                                   const std::string& service,
                                   const std::string& job);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_PAGE_LINK_H_
