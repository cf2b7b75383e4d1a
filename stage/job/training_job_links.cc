// How a stage joins its neighbours, and lets go of them.
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/job/training_job.h"

namespace halfpipe {

absl::Status TrainingJob::JoinNeighbours(Epoch epoch, std::stop_token stop) {
  const int32_t world = command_.world;
  for (int32_t link = 0; link < LinksBetween(world); ++link) {
    const Rank before(link);
    const Rank behind((link + 1) % world);
    if (options_.rank != before && options_.rank != behind) continue;
    HP_ASSIGN_OR_RETURN(std::string rendezvous, RendezvousOf(link));
    HP_ASSIGN_OR_RETURN(
        links_[link],
        options_.links->Join(
            {.kind = command_.link_kind,
             .rank = options_.rank,
             .peer = options_.rank == before ? behind : before,
             .epoch = epoch,
             .rendezvous = std::move(rendezvous),
             .boundary_digest = start_result_.boundary_digest,
             .device = options_.device.is_cuda() ? options_.device.index() : 0,
             .stop = stop}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TrainingJob::RendezvousOf(int32_t link) const {
  if (link == 0) return command_.rendezvous;
  const auto index = static_cast<size_t>(link - 1);
  if (index < command_.further_rendezvous.size()) {
    return command_.further_rendezvous[index];
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the start has no rendezvous for the link behind stage ", link));
}

NeighbourLinks TrainingJob::Neighbours() const {
  const int32_t world = command_.world;
  if (world <= 2) {
    return NeighbourLinks::ToPeer(
        links_.empty() ? nullptr : links_.begin()->second.get());
  }
  const int32_t rank = options_.rank.value();
  return NeighbourLinks::InRing(links_.at((rank + world - 1) % world).get(),
                                links_.at(rank).get(), world);
}

void TrainingJob::CloseLinks(const absl::Status& why) {
  for (const auto& [number, link] : links_) link->Abort(why);
  runner_.reset();
  links_.clear();
}

}  // namespace halfpipe
