#include "common/model/extents.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

int64_t ExtentIn(const Extent& extent, const MicrobatchShape& microbatch,
                 const TokenCounts& counts) {
  switch (extent.axis) {
    case Axis::kFixed:
      return extent.size;
    case Axis::kBatch:
      return microbatch.batch;
    case Axis::kLatentFrames:
      return microbatch.frames;
    case Axis::kLatentRows:
      return microbatch.rows;
    case Axis::kLatentColumns:
      return microbatch.columns;
    case Axis::kTokens:
      return counts.tokens();
    case Axis::kTextTokens:
      return microbatch.text_tokens;
    case Axis::kImageTokens:
      return microbatch.image_tokens;
    case Axis::kContextTokens:
      return microbatch.image_tokens + microbatch.text_tokens;
    case Axis::kModulationGroups:
      return counts.modulation_groups;
  }
  HP_CHECK(false);
}

std::string NameOf(const Extent& extent) {
  switch (extent.axis) {
    case Axis::kFixed:
      return absl::StrCat(extent.size);
    case Axis::kBatch:
      return "B";
    case Axis::kLatentFrames:
      return "T";
    case Axis::kLatentRows:
      return "H";
    case Axis::kLatentColumns:
      return "W";
    case Axis::kTokens:
      return "L";
    case Axis::kTextTokens:
      return "Lt";
    case Axis::kImageTokens:
      return "Li";
    case Axis::kContextTokens:
      return "Li + Lt";
    case Axis::kModulationGroups:
      return "G";
  }
  HP_CHECK(false);
}

}  // namespace

Shape ShapeIn(const Extents& extents, const MicrobatchShape& microbatch,
              const TokenCounts& counts) {
  Shape shape;
  shape.reserve(extents.size());
  for (const Extent& extent : extents) {
    shape.push_back(ExtentIn(extent, microbatch, counts));
  }
  return shape;
}

std::string ToText(const Extents& extents) {
  return absl::StrCat("(",
                      absl::StrJoin(extents, ", ",
                                    [](std::string* out, const Extent& extent) {
                                      absl::StrAppend(out, NameOf(extent));
                                    }),
                      ")");
}

}  // namespace halfpipe
