// What becomes of the decoder's answer about a sample: the same where it is
// encoded and where it is only looked at.
#ifndef HP_STAGE_JOB_SAMPLE_MEDIA_H_
#define HP_STAGE_JOB_SAMPLE_MEDIA_H_

#include "absl/status/status.h"
#include "common/config/job_config.h"
#include "common/data/media_facts.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// Lists the sample as one that cannot be used. A file that came without its
// content is named as such, whatever the decoder said of it.
void RejectSample(const SampleRef& sample, const absl::Status& problem,
                  EncodeResult* result);

// Lists the sample if it is a clip that gives fewer than data.frames.
void NoteLength(const DataConfig& data, const SampleRef& sample,
                const MediaFacts& facts, EncodeResult* result);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_SAMPLE_MEDIA_H_
