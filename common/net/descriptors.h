// File descriptors as a budget: strangers' connections must not use up those
// that jobs need.
#ifndef HP_COMMON_NET_DESCRIPTORS_H_
#define HP_COMMON_NET_DESCRIPTORS_H_

#include <cstdint>

namespace halfpipe {

// Raises this process' limit of open files to what it may have, 65,536 at
// most, so that connections and files do not crowd each other. For daemons, at
// start.
void RaiseDescriptorLimit();

// Numbers of descriptors, of which the kernel gives the lowest that is free: so
// a new one's says how many there are, whoever has them.
struct DescriptorBudget {
  // From here on a connection has to take the place of another one,
  int64_t first_scarce = int64_t{1} << 30;
  // and from here on there is none: the rest is for files, databases, pipes.
  int64_t first_reserved = int64_t{1} << 30;
};

// For this process' limit: 256 and 128 below it, or half and a quarter of it
// where it is lower than 512. Never fails.
[[nodiscard]] DescriptorBudget GetDescriptorBudget();

}  // namespace halfpipe

#endif  // HP_COMMON_NET_DESCRIPTORS_H_
