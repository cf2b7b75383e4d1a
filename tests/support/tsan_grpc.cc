// Tells ThreadSanitizer that what a thread did before it started a gRPC
// operation is seen by the thread that gRPC gives a result to. gRPC is the
// system's, not instrumented, and hands over by atomics and sockets. As in
// tsan_abseil.cc these definitions stand before the library's. One order for
// all calls: a race that only two unrelated calls would show is not found.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

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

// What is called for a call's metadata, on a thread of gRPC's: what it did is
// seen by whoever destroys it, or the server.
class Processor {
 public:
  static grpc_auth_metadata_processor Around(
      const grpc_auth_metadata_processor& original) {
    return {&Process, &Destroy, new Processor(original)};
  }

 private:
  struct Answer {
    grpc_process_auth_metadata_done_cb done;
    void* user_data;
  };

  explicit Processor(const grpc_auth_metadata_processor& original)
      : original_(original) {}

  static void Process(void* state, grpc_auth_context* context,
                      const grpc_metadata* metadata, size_t count,
                      grpc_process_auth_metadata_done_cb done,
                      void* user_data) {
    const grpc_auth_metadata_processor& original =
        static_cast<Processor*>(state)->original_;
    original.process(original.state, context, metadata, count, &OnDone,
                     new Answer{done, user_data});
  }

  static void OnDone(void* user_data, const grpc_metadata* consumed,
                     size_t consumed_count, const grpc_metadata* response,
                     size_t response_count, grpc_status_code code,
                     const char* details) {
    const std::unique_ptr<Answer> answer(static_cast<Answer*>(user_data));
    __tsan_release(&handover);
    answer->done(answer->user_data, consumed, consumed_count, response,
                 response_count, code, details);
  }

  static void Destroy(void* state) {
    const std::unique_ptr<Processor> self(static_cast<Processor*>(state));
    __tsan_acquire(&handover);
    if (self->original_.destroy != nullptr) {
      self->original_.destroy(self->original_.state);
    }
    __tsan_release(&handover);
  }

  const grpc_auth_metadata_processor original_;
};

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

void grpc_server_credentials_set_auth_metadata_processor(
    grpc_server_credentials* credentials,
    grpc_auth_metadata_processor processor) {
  static const auto original =
      HP_ORIGINAL(grpc_server_credentials_set_auth_metadata_processor);
  original(credentials, Processor::Around(processor));
}

void grpc_server_destroy(grpc_server* server) {
  static const auto original = HP_ORIGINAL(grpc_server_destroy);
  original(server);
  __tsan_acquire(&handover);
}

}  // extern "C"
