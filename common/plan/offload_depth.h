// What the activation store and the planner agree on.
#ifndef HP_COMMON_PLAN_OFFLOAD_DEPTH_H_
#define HP_COMMON_PLAN_OFFLOAD_DEPTH_H_

namespace halfpipe {

// How many blocks' offloaded tensors may hold device memory in one direction at
// a time, besides those of the block being computed: on their way to the host
// after a forward, on their way back ahead of a backward. One hides the copies
// as well as two where offloading pays at all (a block's are then shorter than
// its computation), and on a small card the second costs speed: its memory
// could hold more of what is recomputed.
inline constexpr int kOffloadDepth = 1;

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_OFFLOAD_DEPTH_H_
