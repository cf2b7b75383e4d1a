// What an object of a run answers to an event: where the machine goes next.
#ifndef HP_COORDINATOR_RUN_NEXT_MOVE_H_
#define HP_COORDINATOR_RUN_NEXT_MOVE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace halfpipe {

enum class Move {
  kWait,              // nowhere: another event is waited for
  kScan,              // look at the model and the data set
  kEncode,            // what is not in the cache, or look at it
  kLoad,              // choose a checkpoint and join the stages
  kStart,             // load the model
  kStep,              // further steps
  kEndSteps,          // none is under way: whatever is due
  kValidate,          // between two steps
  kSave,              // write a checkpoint
  kPublish,           // the job's result; `text`: the checkpoint's folder
  kAddFormats,        // LoRA files that the checkpoint lacks
  kPublished,         // the job is done; `exports`: its files
  kComplete,          // the job is done; `text`: what is done
  kStopped,           // as it was asked to; `text`: "" or what came between
  kWaitForRoom,       // to encode; `error`: what there is no room for
  kRoomToSave,        // the same to save
  kRoomToAddFormats,  // the same to add LoRA files
  kRoomToPublish,     // the same to publish; a stop waits too
  kRestart,           // a new epoch; `error`: the cause
  kFail,              // `error`
};

struct NextMove {
  Move move = Move::kWait;
  std::string text = {};
  absl::Status error = {};
  std::vector<std::string> exports = {};  // of kPublished

  // Of which nothing follows.
  [[nodiscard]] static NextMove Wait() { return {}; }

  [[nodiscard]] static NextMove To(Move move, std::string text = "") {
    return {move, std::move(text), {}, {}};
  }

  [[nodiscard]] static NextMove For(Move move, absl::Status error) {
    return {move, "", std::move(error), {}};
  }

  [[nodiscard]] static NextMove Fail(absl::Status error) {
    return For(Move::kFail, std::move(error));
  }
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_NEXT_MOVE_H_
