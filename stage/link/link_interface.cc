#include "stage/link/link_interface.h"

#include <sys/stat.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"

namespace halfpipe {
namespace {

constexpr char kVariable[] = "NCCL_SOCKET_IFNAME";

std::string Present() {
  const char* value = std::getenv(kVariable);
  return value == nullptr ? "" : value;
}

}  // namespace

void SetLinkInterface(const std::string& name) {
  if (name.empty() && !Present().empty()) return;
  // "=": this name, and no other that begins with it.
  setenv(kVariable, absl::StrCat("=", name.empty() ? "lo" : name).c_str(),
         /*overwrite=*/1);
}

std::string LoopbackReach() {
  struct stat info = {};
  const auto boot = ReadFile("/proc/sys/kernel/random/boot_id", 256);
  if (!boot.ok() || stat("/proc/self/ns/net", &info) != 0) return "unknown";
  return absl::StrCat(absl::StripAsciiWhitespace(*boot), "/", info.st_ino);
}

absl::Status CheckLinkReach(absl::string_view peer_reach) {
  const std::string interface = Present();
  if (interface != "lo" && interface != "=lo") return absl::OkStatus();
  if (peer_reach == LoopbackReach()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the two stages are on different machines or in different networks, and "
      "their link may only use loopback: start both with --link-interface "
      "NAME, the network interface between them, which must be one that only "
      "you can reach (docs/security.md)");
}

}  // namespace halfpipe
