// What a healthy stage answers, without a model. Useful for: tests of the
// runner, of the coordinator and of its services.
#ifndef HP_TESTS_COORDINATOR_FAKE_STAGE_H_
#define HP_TESTS_COORDINATOR_FAKE_STAGE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

inline StageInfo MakeStageInfo(int32_t rank, uint64_t incarnation = 7) {
  StageInfo info;
  info.pair = "default";
  info.rank = Rank(rank);
  info.incarnation = incarnation + static_cast<uint64_t>(rank);
  info.pid = 100 + rank;
  info.host = "here";
  info.device = "cpu";
  return info;
}

// Answers a command of rank `rank` at once and successfully.
struct FakeStage {
  int32_t rank = 0;
  int64_t samples = 3;
  bool cached = false;
  // Writes real files into the directories of Save and Export.
  bool write_files = false;
  double loss = 0.5;
  std::string data_digest = "data";
  std::string model_digest = "model";
  std::string init_digest = {};
  absl::Status problems = {};  // that its scan finds
  bool large = false;          // the sizes of I2V-A14B, not of a few blocks

  [[nodiscard]] ResultBody Answer(const CommandBody& body) const {
    if (std::holds_alternative<ScanCommand>(body)) return Scan();
    if (const auto* encode = std::get_if<EncodeCommand>(&body)) {
      return EncodeResult{static_cast<int64_t>(encode->samples.size()), {}};
    }
    if (const auto* open = std::get_if<OpenLinkCommand>(&body)) {
      OpenLinkResult result{std::string("\0\xffid", 4)};
      for (int32_t link = 1; link < open->links; ++link) {
        result.further.push_back(absl::StrCat("link ", link));
      }
      return result;
    }
    if (std::holds_alternative<StartCommand>(body)) {
      return StartResult{"boundary", 0.1, 0};
    }
    if (const auto* step = std::get_if<StepCommand>(&body)) {
      return Step(step->plan);
    }
    if (const auto* save = std::get_if<SaveCommand>(&body)) {
      return SaveResult{
          {File(save->directory, absl::StrCat("rank", rank, ".safetensors"))}};
    }
    if (const auto* exporting = std::get_if<ExportCommand>(&body)) {
      ExportResult result;
      for (const std::string& format : exporting->formats) {
        result.files.push_back(
            File(exporting->directory,
                 absl::StrCat("lora.", format, ".safetensors")));
      }
      return result;
    }
    if (std::holds_alternative<EndCommand>(body)) return EndResult{};
    return ShutdownResult{};
  }

  [[nodiscard]] CommandResult Answer(const StageCommand& command) const {
    return {command.sequence, command.epoch, absl::OkStatus(),
            Answer(command.body)};
  }

 private:
  [[nodiscard]] ScanResult Scan() const {
    ScanResult result;
    result.variant = "t2v-1.3b";
    result.model.layers = 5;
    result.data_digest = data_digest;
    result.model_digest = model_digest;
    result.init_digest = init_digest;
    result.problems = problems;
    if (large) {
      result.model = {.dim = 5120,
                      .ffn_dim = 13824,
                      .heads = 40,
                      .layers = 40,
                      .text_dim = 4096,
                      .in_channels = 36,
                      .out_channels = 16};
    }
    for (int64_t i = 0; i < samples; ++i) {
      SampleRef sample;
      sample.row = i + 1;
      sample.media_path = absl::StrCat("/data/", i, ".mp4");
      sample.latents_path = absl::StrCat("/cache/", i, ".latents");
      sample.context_path = absl::StrCat("/cache/", i, ".context");
      sample.cached = cached;
      result.samples.push_back(sample);
    }
    return result;
  }

  [[nodiscard]] StepResult Step(const StepPlan& plan) const {
    StepReport report;
    report.epoch = plan.epoch;
    report.step = plan.step;
    if (rank == 0) {
      report.losses.assign(plan.microbatches.size(), loss);
      report.timesteps.assign(plan.microbatches.size(), 500.0);
    }
    report.grad_norm = 1.0;
    report.step_seconds = 2.0;
    report.busy_seconds = 1.5;
    report.device_memory = {.weights_bytes = 30 + rank, .free_bytes = 5};
    return {report};
  }

  [[nodiscard]] FileEntry File(const std::string& directory,
                               const std::string& name) const {
    const std::string content = absl::StrCat("content of ", name);
    if (write_files) {
      (void)WriteFileAtomically(absl::StrCat(directory, "/", name), content);
    }
    return {name, static_cast<int64_t>(content.size()), Sha256Hex(content)};
  }
};

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_FAKE_STAGE_H_
