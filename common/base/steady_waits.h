// Takes steady_waits.cc into whatever program calls it.
#ifndef HP_COMMON_BASE_STEADY_WAITS_H_
#define HP_COMMON_BASE_STEADY_WAITS_H_

namespace halfpipe {

// Does nothing: with a static library, a file that nobody calls is left out.
void LinkSteadyWaits();

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_STEADY_WAITS_H_
