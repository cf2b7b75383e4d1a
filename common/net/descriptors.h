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

// The number of the first descriptor that a connection may not have: the rest
// is for files, databases and pipes. 256 below the limit, or half of one that
// is lower than 512. Never fails.
[[nodiscard]] int64_t FirstReservedDescriptor();

}  // namespace halfpipe

#endif  // HP_COMMON_NET_DESCRIPTORS_H_
