// Tells ThreadSanitizer that what a thread did before it started a gRPC
// operation is seen by the thread that gRPC gives a result to. gRPC is the
// system's, not instrumented, and hands over by atomics and sockets. As in
// tsan_abseil.cc these definitions stand before the library's. One order for
// all calls: a race that only two unrelated calls would show is not found.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>

namespace {

char handover;

void* Original(const char* name) {
  void* next = dlsym(RTLD_NEXT, name);
  if (next == nullptr) {
    std::fprintf(stderr, "tsan_grpc: no %s in a shared library\n", name);
    std::abort();
  }
  return next;
}

// The library's definition of a function that this file defines too.
template <typename Function>
Function* Original(Function* /*ours*/, const char* name) {
  return reinterpret_cast<Function*>(Original(name));
}

}  // namespace

#define HP_ORIGINAL(name) Original(&name, #name)

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops,
                                      size_t count, void* tag, void* reserved) {
  static const auto original = HP_ORIGINAL(grpc_call_start_batch);
  __tsan_release(&handover);
  return original(call, ops, count, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue,
                                      gpr_timespec deadline, void* reserved) {
  static const auto original = HP_ORIGINAL(grpc_completion_queue_next);
  const grpc_event event = original(queue, deadline, reserved);
  __tsan_acquire(&handover);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static const auto original = HP_ORIGINAL(grpc_completion_queue_pluck);
  const grpc_event event = original(queue, tag, deadline, reserved);
  __tsan_acquire(&handover);
  return event;
}

}  // extern "C"
