// What the activation store and the planner agree on.
#ifndef HP_COMMON_MEMORY_OFFLOAD_DEPTH_H_
#define HP_COMMON_MEMORY_OFFLOAD_DEPTH_H_

namespace halfpipe {

// How many blocks' offloaded tensors may hold device memory in one direction at
// a time, besides those of the block being computed: on their way to the host
// after a forward, on their way back ahead of a backward.
#ifdef HP_PROBE_DEPTH
inline constexpr int kOffloadDepth = HP_PROBE_DEPTH;
#else
inline constexpr int kOffloadDepth = 2;
#endif

}  // namespace halfpipe

#endif  // HP_COMMON_MEMORY_OFFLOAD_DEPTH_H_
