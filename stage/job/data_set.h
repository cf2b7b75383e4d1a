// A job's data set as the coordinator sees it: every sample with the cache
// files that its clip and its caption become.
#ifndef HP_STAGE_JOB_DATA_SET_H_
#define HP_STAGE_JOB_DATA_SET_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/config/job_config.h"
#include "common/data/metadata.h"
#include "common/jobs/stage_protocol.h"
#include "common/model/model_spec.h"
#include "stage/job/media_reading.h"

namespace halfpipe {

struct DataSet {
  std::vector<SampleRef> samples;
  std::string digest;  // over the cache keys in order
  std::vector<std::string> warnings;
  CacheUse cache;
};

// What a data set consists of, before anything of it is read.
struct DataRows {
  std::vector<Sample> rows;
  std::vector<std::string> warnings;
};

// LoadSamplesWithContent; with data.on_bad_file `skip` a missing file is a
// warning, and the others are left to the decoder. REQUIRES: not
// data.is_random().
[[nodiscard]] absl::StatusOr<DataRows> ReadDataRows(const DataConfig& data);

// Of a data set that cannot be used, the samples whose media were found: only
// to be looked at, without cache files. Empty where the set can be used, or is
// random.
[[nodiscard]] std::vector<SampleRef> SamplesBesideProblems(
    const DataConfig& data);

// Reads the metadata, cleans the captions, hashes what changed since the last
// time, and looks into the cache. InvalidArgument lists every problem of the
// metadata at once; NotFound for a missing encoder. With data.on_bad_file
// `skip`, files that are missing or cannot be read are warnings instead.
// `on_progress` is told kReadingDataSet before each file: hashing
// them for the first time can take an hour. `probe` decodes as much of each new
// medium as it takes to know how it is read; pictures that the model cannot
// learn from are problems, and a frame rate far from the model's is a warning.
[[nodiscard]] absl::StatusOr<DataSet> ScanDataSet(
    const JobConfig& config, const ModelSpec& model_spec,
    const ProgressCallback& on_progress = {}, const MediaProbe& probe = {});

// The same from rows that were read already.
[[nodiscard]] absl::StatusOr<DataSet> ScanDataSet(
    const JobConfig& config, const ModelSpec& model_spec, DataRows data,
    const ProgressCallback& on_progress, const MediaProbe& probe);

// The cache file of the empty caption, for caption dropout.
[[nodiscard]] absl::StatusOr<std::string> EmptyCaptionPath(
    const JobConfig& config);

// Latent shapes (1, C, F, H, W) of a made-up sample, and of its y (empty where
// the model takes none). REQUIRES: data.is_random(), height and width given.
[[nodiscard]] Shape RandomLatentsShape(const JobConfig& config,
                                       const ModelSpec& model_spec);
[[nodiscard]] Shape RandomConditionShape(const JobConfig& config,
                                         const ModelSpec& model_spec);

// Those of its model's extra inputs, by name. REQUIRES as above. Codes of
// CountTokens.
[[nodiscard]] absl::StatusOr<std::map<std::string, Shape>> RandomExtraShapes(
    const JobConfig& config, const ModelSpec& model_spec);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_DATA_SET_H_
