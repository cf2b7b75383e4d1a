#include <sys/wait.h>

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/doctor/checks.h"
#include "client/jobs/progress.h"

namespace halfpipe {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostOutput = size_t{1} << 20;
// Two cards that share one PCIe 3.0 x8 link reach more than this.
constexpr double kSlowLink = 3e9;
constexpr double kSlowHost = 3e9;

double Number(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number() ? it->get<double>() : 0.0;
}

std::string Text(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

bool Flag(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_boolean() && it->get<bool>();
}

std::string Rate(double bytes_per_second) {
  return absl::StrFormat("%.1f GB/s", bytes_per_second / 1e9);
}

Finding Versions(const Json& probe) {
  std::vector<std::string> parts;
  for (const char* key : {"torch", "cuda", "cudnn", "nccl"}) {
    const std::string version = Text(probe, key);
    if (!version.empty()) parts.push_back(absl::StrCat(key, " ", version));
  }
  std::string found = "none named";
  if (!parts.empty()) {
    found.clear();
    for (const std::string& part : parts) {
      absl::StrAppend(&found, found.empty() ? "" : ", ", part);
    }
  }
  return {.subject = "libraries",
          .verdict = Verdict::kInfo,
          .found = found,
          .advice = ""};
}

// What CPU jobs, noise and the order of sums depend on.
Finding Arithmetic(const Json& probe) {
  Finding finding{.subject = "cpu arithmetic",
                  .verdict = Verdict::kInfo,
                  .found = Text(probe, "arithmetic")};
  const std::string settings = Text(probe, "arithmetic_settings");
  if (!settings.empty()) {
    absl::StrAppend(&finding.found, " (the environment sets ", settings, ")");
  }
  // One of MklMode's of common/base/cpu_arithmetic.h.
  const std::string mode = Text(probe, "mkl_mode");
  if (mode == "absent" || absl::StartsWith(mode, "off")) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "MKL is in no reproducible mode: results of jobs on the CPU may "
        "differ in their last bits; leave MKL_CBWR unset, or set COMPATIBLE";
  }
  return finding;
}

Finding OneGpu(const Json& gpu) {
  Finding finding{
      .subject = absl::StrCat("gpu ", static_cast<int>(Number(gpu, "index")))};
  const std::string error = Text(gpu, "error");
  finding.found = absl::StrCat(
      Text(gpu, "name"), " ", Text(gpu, "uuid"), ", ",
      ReadableBytes(static_cast<int64_t>(Number(gpu, "free_bytes"))),
      " free of ",
      ReadableBytes(static_cast<int64_t>(Number(gpu, "total_bytes"))));
  if (!error.empty()) {
    finding.verdict = Verdict::kFail;
    absl::StrAppend(&finding.found, ": ", error);
    finding.advice =
        "look at nvidia-smi and the kernel's log (dmesg | grep -i nvrm)";
    return finding;
  }
  const double to = Number(gpu, "host_to_device_bytes_per_second");
  const double from = Number(gpu, "device_to_host_bytes_per_second");
  absl::StrAppend(&finding.found, ", pinned host memory to it ", Rate(to),
                  ", from it ", Rate(from));
  finding.verdict = Verdict::kOk;
  if (to < kSlowHost || from < kSlowHost) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "offloading will be slow: see the card's lanes above, or plan without "
        "it (pipeline.memory: recompute)";
  }
  return finding;
}

// How NCCL connects two cards of one machine, in its own order of preference.
std::string PathOf(const Json& probe, const Json& link) {
  if (Flag(link, "peer_access") && !Flag(probe, "p2p_disabled")) {
    return Flag(link, "nvlink") ? "peer access over NVLink"
                                : "peer access over PCIe";
  }
  return Flag(probe, "shm_disabled") ? "sockets" : "shared memory";
}

Finding OneLink(const Json& probe, const Json& link) {
  Finding finding{
      .subject = absl::StrCat("link ", static_cast<int>(Number(link, "from")),
                              " to ", static_cast<int>(Number(link, "to")))};
  const std::string path = PathOf(probe, link);
  const double rate = Number(link, "bytes_per_second");
  finding.found = absl::StrCat(path, ", a copy runs at ", Rate(rate));
  if (const std::string error = Text(link, "error"); !error.empty()) {
    finding.verdict = Verdict::kFail;
    finding.found = absl::StrCat(path, ": ", error);
    finding.advice =
        "peer access is broken here: NCCL_P2P_DISABLE=1 for the stages (they "
        "also find that out themselves when they join)";
    return finding;
  }
  finding.verdict = Verdict::kOk;
  if (Flag(probe, "p2p_disabled") && Flag(link, "peer_access")) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "NCCL_P2P_DISABLE is set though the cards have peer "
        "access: unset it";
  } else if (rate < kSlowLink) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "every micro-batch crosses this link twice: put the cards under one "
        "PCIe switch or root, with all lanes in use";
  }
  return finding;
}

Findings Broken(const std::string& found, const std::string& advice) {
  return {{.subject = "stage",
           .verdict = Verdict::kFail,
           .found = found,
           .advice = advice}};
}

}  // namespace

Findings FindingsOfProbe(absl::string_view text) {
  const Json probe = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!probe.is_object() || Number(probe, "schema") != 1 ||
      !probe.contains("gpus") || !probe["gpus"].is_array()) {
    return Broken(absl::StrCat("the probe's answer is not understood: ",
                               absl::StripAsciiWhitespace(text.substr(0, 200))),
                  "are halfpipe and halfpipe-stage0 of one version?");
  }
  Findings findings = {Versions(probe)};
  if (probe.contains("arithmetic")) findings.push_back(Arithmetic(probe));
  for (const Json& gpu : probe["gpus"]) findings.push_back(OneGpu(gpu));
  if (probe["gpus"].empty()) {
    findings.push_back(
        {.subject = "gpus",
         .verdict = Verdict::kWarn,
         .found = "no GPU can be used by a process of this user",
         .advice = "tests and demos run on the CPU without one; else see the "
                   "driver's line, CUDA_VISIBLE_DEVICES, and a container's "
                   "device options"});
  } else if (probe["gpus"].size() == 1) {
    findings.push_back({.subject = "gpus",
                        .verdict = Verdict::kWarn,
                        .found = "one GPU",
                        .advice = "two are needed to share a model; with one, "
                                  "set pipeline.stages: 1"});
  }
  if (probe.contains("links") && probe["links"].is_array()) {
    for (const Json& link : probe["links"]) {
      findings.push_back(OneLink(probe, link));
    }
  }
  return findings;
}

std::optional<StageToolOutput> RunStageTool(const std::string& program,
                                            const std::string& tool,
                                            bool with_errors) {
  const std::string command =
      absl::StrCat("exec '", absl::StrReplaceAll(program, {{"'", "'\\''"}}),
                   "' ", tool, with_errors ? " 2>&1" : "");
  // A shell is fine here: the path is this program's neighbour.
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return std::nullopt;
  StageToolOutput output;
  char buffer[4096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    if (output.text.size() < kMostOutput) output.text.append(buffer, got);
  }
  const int status = pclose(pipe);
  output.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return output;
}

Findings ProbeStage(const std::string& program) {
  const std::optional<StageToolOutput> output =
      RunStageTool(program, "probe", /*with_errors=*/true);
  if (!output.has_value()) return Broken("it cannot be started", "");
  if (output->ok) {
    // Warnings of libraries may stand before the answer.
    const size_t begin = output->text.find("{\"schema\"");
    return FindingsOfProbe(
        begin == std::string::npos ? output->text : output->text.substr(begin));
  }
  return Broken(
      absl::StrCat(program, " probe failed: ",
                   absl::StripAsciiWhitespace(output->text.substr(0, 400))),
      "install halfpipe's stage programs and libtorch beside this one");
}

}  // namespace halfpipe
