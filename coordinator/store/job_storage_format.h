// Jobs as bytes, for the coordinator's database: the wire messages, so that a
// field that is added later reads as its default from an older database, in the
// form of ToStoredBytes.
#ifndef HP_COORDINATOR_STORE_JOB_STORAGE_FORMAT_H_
#define HP_COORDINATOR_STORE_JOB_STORAGE_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

[[nodiscard]] std::string EncodeJob(const Job& job);
[[nodiscard]] std::string EncodeJobSpec(const JobSpec& spec);
[[nodiscard]] std::string EncodeJobEvent(const JobEvent& event);

// SHA-256 of a spec with all that is in it, the job file too: by this a request
// that comes again is known.
[[nodiscard]] std::string DigestOf(const JobSpec& spec);

// DataLoss for bytes that are no such message.
[[nodiscard]] absl::StatusOr<Job> DecodeJob(absl::string_view bytes);
[[nodiscard]] absl::StatusOr<JobSpec> DecodeJobSpec(absl::string_view bytes);
[[nodiscard]] absl::StatusOr<JobEvent> DecodeJobEvent(absl::string_view bytes);

// `bytes` with a digest, by which damage is told from content, and packed where
// that makes them smaller.
[[nodiscard]] std::string ToStoredBytes(absl::string_view bytes);

// The bytes again. Those that an older version stored, a serialised message
// without anything around it, come back as they are. DataLoss: they are not
// what was stored.
[[nodiscard]] absl::StatusOr<std::string> FromStoredBytes(
    absl::string_view stored);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_JOB_STORAGE_FORMAT_H_
