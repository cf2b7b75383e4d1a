#include "stage/kernels/torch_guard.h"

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

absl::Status OutOfHostMemory(absl::Status status) {
  MarkFailure(FailureKind::kHostMemory, &status);
  return status;
}

absl::Status FromError(absl::StatusCode code, absl::string_view what,
                       const c10::Error& error) {
  LogError("libtorch failed", {{"what", what}, {"detail", error.what()}});
  return absl::Status(code,
                      absl::StrCat(what, ": ", error.what_without_backtrace()));
}

// Libraries under libtorch report a full device as a failure of their own:
// CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED, or the driver's text.
bool IsOutOfMemory(const c10::Error& error) {
  const absl::string_view what = error.what_without_backtrace();
  return absl::StrContains(what, "_STATUS_ALLOC_FAILED") ||
         absl::StrContains(what, "CUDA error: out of memory");
}

// libtorch's allocator on the host has no type of its own for it.
bool IsOutOfHostMemory(const c10::Error& error) {
  return absl::StrContains(error.what_without_backtrace(),
                           "DefaultCPUAllocator");
}

}  // namespace

absl::Status StatusFromCurrentException(absl::string_view what) {
  try {
    throw;
  } catch (const PinRefusedError& error) {
    absl::Status status =
        FromError(absl::StatusCode::kResourceExhausted, what, error);
    SetPinRefusal({.pinned_bytes = 0, .asked_bytes = error.asked_bytes()},
                  &status);
    return status;
  } catch (const c10::OutOfMemoryError& error) {
    return FromError(absl::StatusCode::kResourceExhausted, what, error);
  } catch (const c10::AcceleratorError& error) {
    if (IsOutOfMemory(error)) {
      return FromError(absl::StatusCode::kResourceExhausted, what, error);
    }
    // The device context is unusable from here on.
    absl::Status status = FromError(absl::StatusCode::kInternal, what, error);
    MarkDeviceFault(&status);
    return status;
  } catch (const c10::NotImplementedError& error) {
    return FromError(absl::StatusCode::kUnimplemented, what, error);
  } catch (const c10::Error& error) {
    if (IsOutOfHostMemory(error)) {
      return OutOfHostMemory(
          FromError(absl::StatusCode::kResourceExhausted,
                    absl::StrCat(what, ": out of host memory"), error));
    }
    return FromError(IsOutOfMemory(error) ? absl::StatusCode::kResourceExhausted
                                          : absl::StatusCode::kInternal,
                     what, error);
  } catch (const std::bad_alloc&) {
    return OutOfHostMemory(absl::ResourceExhaustedError(
        absl::StrCat(what, ": out of host memory")));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(what, ": ", error.what()));
  } catch (...) {
    return absl::InternalError(absl::StrCat(what, ": unknown exception"));
  }
}

}  // namespace halfpipe
