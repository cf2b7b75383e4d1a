#include "stage/serve/probe_report.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"
#include "common/base/cpu_arithmetic.h"
#include "stage/job/arithmetic_name.h"
#include "stage/job/torch_version.h"
#include "stage/link/link_factory.h"
#ifdef HP_WITH_CUDA
#include "stage/gpu/gpu_probe.h"
#endif

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

// A switch of NCCL's: set to anything but 0.
bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' && absl::string_view(value) != "0";
}

#ifdef HP_WITH_CUDA
Json GpuJson(const GpuProbe& gpu) {
  return {
      {"index", gpu.index},
      {"name", gpu.facts.name},
      {"uuid", gpu.facts.uuid},
      {"total_bytes", gpu.facts.total_bytes},
      {"free_bytes", gpu.facts.free_bytes},
      {"host_to_device_bytes_per_second", gpu.host_to_device_bytes_per_second},
      {"device_to_host_bytes_per_second", gpu.device_to_host_bytes_per_second},
      {"error", std::string(gpu.status.message())}};
}

Json LinkJson(const GpuLinkProbe& link) {
  return {{"from", link.from},
          {"to", link.to},
          {"peer_access", link.peer_access},
          {"nvlink", link.nvlink},
          {"bytes_per_second", link.bytes_per_second},
          {"error", std::string(link.status.message())}};
}
#endif

}  // namespace

std::string ProbeReport() {
  Json report = {{"schema", 1},
                 {"torch", TorchVersion()},
                 {"arithmetic", ArithmeticName()},
                 {"mkl_mode", MklMode()},
                 {"arithmetic_settings", ArithmeticSettings()},
                 {"cuda", ""},
                 {"nccl", NcclVersion()},
                 {"p2p_disabled", IsSet("NCCL_P2P_DISABLE")},
                 {"shm_disabled", IsSet("NCCL_SHM_DISABLE")},
                 {"gpus", Json::array()},
                 {"links", Json::array()}};
#ifdef HP_WITH_CUDA
  const MachineProbe machine = ProbeMachine();
  report["cuda"] = machine.cuda_version;
  for (const GpuProbe& gpu : machine.gpus) {
    report["gpus"].push_back(GpuJson(gpu));
  }
  for (const GpuLinkProbe& link : machine.links) {
    report["links"].push_back(LinkJson(link));
  }
#endif
  // A device's name is the driver's: its bytes may be anything.
  return report.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace halfpipe
