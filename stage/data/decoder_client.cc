#include "stage/data/decoder_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/model/model_spec.h"

namespace halfpipe {
namespace {

constexpr uint64_t kItemNumberBytes = 4;

struct Received {
  DecodeMessage type;
  std::string payload;  // empty for a frame, whose pixels are read in place
};

// The next message; a frame's pixels stay in the pipe. `frame_bytes` is the
// size that a frame must have (0: none may come).
absl::StatusOr<Received> Receive(DecoderProcess& child, uint64_t frame_bytes,
                                 absl::Time deadline) {
  char bytes[kDecodeHeaderBytes];
  HP_RETURN_IF_ERROR(child.Read(bytes, sizeof(bytes), deadline));
  HP_ASSIGN_OR_RETURN(DecodeHeader header,
                      ParseHeader(absl::string_view(bytes, sizeof(bytes))));
  if (header.type == DecodeMessage::kFrame) {
    if (frame_bytes == 0 ||
        header.payload_bytes != frame_bytes + kItemNumberBytes) {
      return absl::InvalidArgumentError("a frame of the wrong size");
    }
    return Received{header.type, ""};
  }
  if (header.payload_bytes > kMaxErrorBytes) {
    return absl::InvalidArgumentError("a message that is too long");
  }
  std::string payload(header.payload_bytes, '\0');
  HP_RETURN_IF_ERROR(child.Read(payload.data(), payload.size(), deadline));
  return Received{header.type, std::move(payload)};
}

// The size that the child must send, as we would compute it.
absl::Status CheckTarget(const DecodeItem& item, const ClipHeader& clip,
                         uint32_t number) {
  bool good = clip.item == number &&
              clip.target == TargetSize(clip.source, item.height, item.width,
                                        item.max_pixels);
  return good ? absl::OkStatus()
              : absl::InvalidArgumentError("a clip of the wrong size");
}

// The messages of one item, in the order that the protocol allows.
class ClipReceiver {
 public:
  ClipReceiver(const DecodeItem& item, uint32_t number, DecoderProcess& child,
               absl::Time deadline)
      : item_(item), number_(number), child_(child), deadline_(deadline) {}

  // The clip with every frame that came, or what the child said against the
  // file (`refused`), or why it cannot be believed.
  absl::StatusOr<DecodedClip> Run(bool* refused) {
    while (true) {
      HP_ASSIGN_OR_RETURN(Received message,
                          Receive(child_, frame_bytes_, deadline_));
      switch (message.type) {
        case DecodeMessage::kClip:
          HP_RETURN_IF_ERROR(Begin(message.payload));
          break;
        case DecodeMessage::kFrame:
          HP_RETURN_IF_ERROR(AddFrame());
          break;
        case DecodeMessage::kFacts:
          HP_RETURN_IF_ERROR(TakeFacts(message.payload));
          break;
        case DecodeMessage::kEnd:
          HP_RETURN_IF_ERROR(CheckEnd(message.payload));
          return std::move(clip_);
        case DecodeMessage::kError: {
          HP_ASSIGN_OR_RETURN(ClipError error, ParseError(message.payload));
          if (error.item != number_) {
            return absl::InvalidArgumentError("an error of another file");
          }
          *refused = true;
          return absl::InvalidArgumentError(error.message);
        }
        case DecodeMessage::kRequest:
          return absl::InvalidArgumentError("a request in place of an answer");
      }
    }
  }

 private:
  [[nodiscard]] bool wants_pixels() const {
    return item_.mode == DecodeMode::kPixels;
  }

  absl::Status Begin(const std::string& payload) {
    if (!wants_pixels()) return absl::InvalidArgumentError("pixels unasked");
    if (frame_bytes_ != 0) return absl::InvalidArgumentError("a second clip");
    HP_ASSIGN_OR_RETURN(ClipHeader clip, ParseClip(payload));
    HP_RETURN_IF_ERROR(CheckTarget(item_, clip, number_));
    clip_.size = clip.target;
    clip_.source = clip.source;
    frame_bytes_ = uint64_t{3} * clip.target.width * clip.target.height;
    return absl::OkStatus();
  }

  absl::Status AddFrame() {
    if (clip_.frames >= item_.frames) {
      return absl::InvalidArgumentError("more frames than were asked for");
    }
    char number[kItemNumberBytes];
    HP_RETURN_IF_ERROR(child_.Read(number, sizeof(number), deadline_));
    // Grows by what really comes: a lie about a size costs no memory.
    size_t offset = clip_.rgb.size();
    clip_.rgb.resize(offset + frame_bytes_);
    HP_RETURN_IF_ERROR(
        child_.Read(&clip_.rgb[offset], frame_bytes_, deadline_));
    ++clip_.frames;
    return absl::OkStatus();
  }

  absl::Status TakeFacts(const std::string& payload) {
    HP_ASSIGN_OR_RETURN(ItemFacts item, ParseFacts(payload));
    if (item.item != number_ || has_facts_ ||
        (wants_pixels() && item.facts.size != clip_.source)) {
      return absl::InvalidArgumentError("wrong facts of a file");
    }
    has_facts_ = true;
    clip_.facts = item.facts;
    clip_.source = item.facts.size;
    return absl::OkStatus();
  }

  absl::Status CheckEnd(const std::string& payload) {
    HP_ASSIGN_OR_RETURN(ClipEnd end, ParseEnd(payload));
    const bool right_count =
        wants_pixels() ? end.frames == static_cast<uint64_t>(clip_.frames)
                       : end.frames >= 1 && end.frames <= item_.frames;
    if (end.item != number_ || !has_facts_ || !right_count ||
        (wants_pixels() && frame_bytes_ == 0)) {
      return absl::InvalidArgumentError("a wrong end of a clip");
    }
    clip_.frames = end.frames;
    return absl::OkStatus();
  }

  const DecodeItem& item_;
  const uint32_t number_;
  DecoderProcess& child_;
  const absl::Time deadline_;
  DecodedClip clip_;
  uint64_t frame_bytes_ = 0;  // 0 until the clip's size is known
  bool has_facts_ = false;
};

// No file makes the program give up: it could not start its work at all (a
// kernel without seccomp, say), and would fail for every file.
absl::Status StoppedByItself(const std::string& program,
                             const ProcessEnd& end) {
  return absl::FailedPreconditionError(
      absl::StrCat("the decoder ", program, " stopped by itself: ", end.text,
                   "; its own message is on standard error"));
}

// Drops the frames that the rule on 4k+1 does not use.
absl::Status ApplyFrameRule(const DecodeItem& item, DecodedClip* clip) {
  if (item.mode == DecodeMode::kProbe) return absl::OkStatus();
  int64_t wanted = clip->facts.is_picture ? 1 : item.frames;
  int64_t used = UsableFrames(clip->frames, wanted);
  if (used == 0) {
    return absl::OutOfRangeError(
        absl::StrCat("has ", clip->frames, " frames; at least ",
                     wanted > 1 ? std::min<int64_t>(wanted, ClipFrames(2)) : 1,
                     " are needed"));
  }
  if (item.mode != DecodeMode::kPixels) return absl::OkStatus();
  if (used < wanted) {
    LogWarning("a clip is shorter than data.frames", {{"file", item.path},
                                                      {"frames", clip->frames},
                                                      {"used", used},
                                                      {"wanted", wanted}});
  }
  clip->frames = used;
  clip->rgb.resize(static_cast<size_t>(used) * 3 * clip->size.width *
                   clip->size.height);
  return absl::OkStatus();
}

}  // namespace

int64_t UsableFrames(int64_t available, int64_t wanted) {
  if (available >= wanted) return wanted;
  if (available < ClipFrames(2)) return 0;
  return ClipFrames(LatentFrames(available));
}

absl::StatusOr<DecodedClip> DecoderClient::ReceiveClip(const DecodeItem& item,
                                                       uint32_t number,
                                                       DecoderProcess& child,
                                                       bool* broken) const {
  bool refused = false;
  absl::StatusOr<DecodedClip> clip =
      ClipReceiver(item, number, child, SteadyNow() + options_.file_timeout)
          .Run(&refused);
  *broken = !clip.ok() && !refused;
  absl::Status problem = clip.status();
  if (clip.ok()) {
    problem = ApplyFrameRule(item, &*clip);
  } else if (absl::IsDataLoss(problem)) {
    ProcessEnd end = child.End();
    if (!end.by_signal) return StoppedByItself(options_.program, end);
    problem = absl::InvalidArgumentError(
        absl::StrCat("crashes the decoder: ", end.text));
  } else if (absl::IsDeadlineExceeded(problem)) {
    problem = absl::DeadlineExceededError(
        absl::StrCat("was not decoded within ",
                     absl::FormatDuration(options_.file_timeout)));
  } else if (*broken) {
    problem = absl::InvalidArgumentError(absl::StrCat(
        "makes the decoder break its protocol: ", problem.message()));
  }
  if (!problem.ok()) return Annotate(problem, item.path);
  return clip;
}

absl::Status DecoderClient::RunChild(const std::vector<DecodeItem>& items,
                                     size_t end, const OnClip& on_clip,
                                     size_t* first) const {
  DecodeRequest request;
  request.items.assign(items.begin() + *first, items.begin() + end);
  request.memory_bytes = options_.memory_bytes;
  request.cpu_seconds = options_.cpu_seconds_per_file * request.items.size();
  HP_ASSIGN_OR_RETURN(DecoderProcess child,
                      DecoderProcess::Start(options_.program));
  absl::Status sent =
      child.Send(EncodeRequest(request), SteadyNow() + options_.file_timeout);
  if (!sent.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the decoder ", options_.program,
                     " does not take a request: ", child.End().text));
  }
  for (uint32_t i = 0; i < request.items.size(); ++i) {
    bool broken = false;
    absl::StatusOr<DecodedClip> clip =
        ReceiveClip(request.items[i], i, child, &broken);
    if (absl::IsFailedPrecondition(clip.status())) return clip.status();
    HP_RETURN_IF_ERROR(on_clip((*first)++, std::move(clip)));
    if (broken) break;  // the rest gets a new child
  }
  return absl::OkStatus();
}

absl::Status DecoderClient::DecodeBatch(const std::vector<DecodeItem>& items,
                                        const OnClip& on_clip) const {
  size_t next = 0;
  while (next < items.size()) {
    size_t end = std::min(items.size(), next + kMaxItems);
    HP_RETURN_IF_ERROR(RunChild(items, end, on_clip, &next));
  }
  return absl::OkStatus();
}

absl::StatusOr<DecodedClip> DecoderClient::Decode(
    const DecodeItem& item) const {
  std::optional<absl::StatusOr<DecodedClip>> result;
  HP_RETURN_IF_ERROR(
      DecodeBatch({item}, [&](size_t, absl::StatusOr<DecodedClip> clip) {
        result.emplace(std::move(clip));
        return absl::OkStatus();
      }));
  return *std::move(result);
}

}  // namespace halfpipe
