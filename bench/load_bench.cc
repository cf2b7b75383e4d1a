// Times loading a part of a Wan DiT against a plain parallel read of the same
// bytes: what a stage's start costs beyond the disk.
//
// Usage: load_bench MODEL [--device cpu|cuda] [--blocks BEGIN:END] [--warm]
//                   [--rounds N] [--reads-only]
//        load_bench --write FILE.safetensors [--variant NAME] [--layers N]
//
// Each round reads the part's bytes plainly (8 threads, 8 MiB blocks, pread)
// and then loads it with LoRA adapters in bf16, as a stage does; the files are
// dropped from the page cache before either, unless --warm. --reads-only gets
// the same tensors in the same order and builds nothing of them. --write makes
// a random checkpoint in bf16.
#include <ATen/core/grad_mode.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/known_variants.h"
#include "common/store/safetensors_writer.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/compute_stream.h"
#include "stage/wan/load_order.h"
#include "stage/wan/wan_part.h"

namespace halfpipe {
namespace {

constexpr int kThreads = 8;
constexpr uint64_t kBlock = uint64_t{8} << 20;
constexpr double kGiB = 1 << 30;

struct Options {
  std::string model;
  std::string write;
  std::string variant = "i2v-a14b";
  int64_t layers = 8;
  std::string device = "cpu";
  BlockRange blocks = {0, 0};  // none: all
  bool warm = false;
  bool reads_only = false;
  int rounds = 3;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i] == "--warm") {
      options.warm = true;
      continue;
    }
    if (words[i] == "--reads-only") {
      options.reads_only = true;
      continue;
    }
    if (!absl::StartsWith(words[i], "--")) {
      options.model = words[i];
      continue;
    }
    ++i;
    if (words[i - 1] == "--write") options.write = next;
    if (words[i - 1] == "--variant") options.variant = next;
    if (words[i - 1] == "--layers") options.layers = std::atoll(next.c_str());
    if (words[i - 1] == "--device") options.device = next;
    if (words[i - 1] == "--rounds") options.rounds = std::atoi(next.c_str());
    if (words[i - 1] == "--blocks") {
      std::sscanf(next.c_str(), "%ld:%ld", &options.blocks.begin,
                  &options.blocks.end);
    }
  }
  return options;
}

// Numbers around 0.01 in bf16; every tensor gets the same ones.
absl::Status WriteRandom(const Options& options) {
  HP_ASSIGN_OR_RETURN(const ModelSpec wan,
                      KnownModel(options.variant, options.layers));
  const std::map<std::string, Shape> shapes = WanTensors(wan);
  int64_t largest = 0;
  for (const auto& [name, shape] : shapes) {
    largest = std::max(largest, ElementCount(shape));
  }
  std::mt19937_64 random(1);
  std::vector<uint16_t> values(static_cast<size_t>(largest));
  for (uint16_t& value : values) {
    value = static_cast<uint16_t>((random() & 0x80FF) | 0x3C00);
  }
  std::vector<TensorToWrite> tensors;
  tensors.reserve(shapes.size());
  for (const auto& [name, shape] : shapes) {
    tensors.push_back({name, DType::kBF16, shape, values.data()});
  }
  return WriteSafetensors(options.write, tensors, {});
}

// Kilobytes of a field of /proc/self/status.
int64_t StatusField(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (absl::StartsWith(line, key))
      return std::atoll(line.c_str() + key.size());
  }
  return 0;
}

// The highest anonymous memory above that at the start, every 10 ms.
class AnonymousPeak {
 public:
  AnonymousPeak() : start_(StatusField("RssAnon:")) {
    thread_ = std::thread([this] {
      while (!stop_) {
        peak_ = std::max(peak_, StatusField("RssAnon:"));
        absl::SleepFor(absl::Milliseconds(10));
      }
    });
  }

  double Stop() {
    stop_ = true;
    thread_.join();
    return static_cast<double>(std::max(peak_, start_) - start_) * 1024 / kGiB;
  }

 private:
  const int64_t start_;
  int64_t peak_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Bench {
 public:
  Bench(const Options& options, WanCheckpoint checkpoint)
      : options_(options),
        device_(options.device == "cpu" ? at::Device(at::kCPU)
                                        : at::Device(at::kCUDA, 0)),
        checkpoint_(std::move(checkpoint)) {
    if (options_.blocks.size() == 0) {
      options_.blocks = {0, checkpoint_.variant.spec.layers};
    }
    const bool first = options_.blocks.begin == 0;
    part_.embeddings = part_.head = first;
    part_.blocks = {options_.blocks};
    part_.device = device_;
    part_.compute = at::kBFloat16;
    part_.lora = LoraSpec();
    part_.plan = ActivationPlan::Uniform(ActivationPolicy::kRecompute,
                                         options_.blocks.size());
    names_ = LoadOrder(
        checkpoint_.variant.spec,
        {.embeddings = first, .head = first, .blocks = {options_.blocks}});
    for (const std::string& name : names_) {
      const auto& stored = checkpoint_.variant.tensors.at(name);
      ranges_.push_back(checkpoint_.archive->tensors().at(stored.name));
      bytes_ += ranges_.back().bytes;
    }
  }

  absl::Status Run() {
    std::vector<double> ratios;
    for (int round = 0; round < options_.rounds; ++round) {
      DropCache();
      HP_ASSIGN_OR_RETURN(const double plain, PlainRead());
      DropCache();
      AnonymousPeak peak;
      absl::StatusOr<double> load = Load();
      const double anonymous = peak.Stop();
      HP_RETURN_IF_ERROR(load.status());
      ratios.push_back(*load / plain);
      std::printf(
          "%.2f GiB: plain read %.2f s (%.2f GiB/s), load %.2f s "
          "(%.2f GiB/s), ratio %.2f, RssAnon +%.2f GiB\n",
          static_cast<double>(bytes_) / kGiB, plain,
          static_cast<double>(bytes_) / kGiB / plain, *load,
          static_cast<double>(bytes_) / kGiB / *load, ratios.back(), anonymous);
      std::fflush(stdout);
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf("median ratio %.2f\n", ratios[ratios.size() / 2]);
    return absl::OkStatus();
  }

 private:
  void DropCache() const {
    if (options_.warm) return;
    std::map<std::string, bool> seen;
    for (const ArchivedTensor& range : ranges_) {
      if (std::exchange(seen[range.file], true)) continue;
      const int fd = open(range.file.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      close(fd);
    }
  }

  absl::StatusOr<double> PlainRead() const {
    std::atomic<size_t> next = 0;
    std::atomic<bool> failed = false;
    std::vector<ArchivedTensor> blocks;
    for (ArchivedTensor range : ranges_) {
      const uint64_t end = range.offset + range.bytes;
      for (; range.offset < end; range.offset += kBlock) {
        range.bytes = std::min(kBlock, end - range.offset);
        blocks.push_back(range);
      }
    }
    std::map<std::string, int> files;
    for (const ArchivedTensor& range : ranges_) {
      int& fd = files[range.file];
      if (fd == 0) fd = open(range.file.c_str(), O_RDONLY | O_CLOEXEC);
    }
    const absl::Time begin = absl::Now();
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        std::vector<char> buffer(kBlock);
        for (size_t n = next++; n < blocks.size(); n = next++) {
          const ArchivedTensor& block = blocks[n];
          const ssize_t got =
              pread(files.at(block.file), buffer.data(), block.bytes,
                    static_cast<off_t>(block.offset));
          if (got != static_cast<ssize_t>(block.bytes)) failed = true;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const absl::Time end = absl::Now();
    for (const auto& [file, fd] : files) close(fd);
    if (failed) return absl::DataLossError("the plain read failed");
    return absl::ToDoubleSeconds(end - begin);
  }

  absl::StatusOr<double> Load() const {
    const CheckpointWeights weights(&checkpoint_);
    const absl::Time begin = absl::Now();
    if (options_.reads_only) {
      weights.BeginLoads(names_, device_);
      for (const std::string& name : names_) {
        HP_RETURN_IF_ERROR(weights.Load(name, at::kBFloat16, device_).status());
      }
      weights.EndLoads();
      return absl::ToDoubleSeconds(absl::Now() - begin);
    }
    HP_ASSIGN_OR_RETURN(
        const std::unique_ptr<WanPart> part,
        WanPart::Create(weights, part_,
                        [](absl::string_view, const at::Tensor& out) {
                          out.uniform_(0.0, 1.0);
                        }));
    HP_RETURN_IF_ERROR(SynchronizeCompute(device_));
    const absl::Time end = absl::Now();
    if (weights.bytes_read() != static_cast<int64_t>(bytes_)) {
      return absl::InternalError(absl::StrCat(
          "the load read ", weights.bytes_read(), " of ", bytes_, " bytes"));
    }
    return absl::ToDoubleSeconds(end - begin);
  }

  Options options_;
  const at::Device device_;
  const WanCheckpoint checkpoint_;
  StageModelOptions part_;
  std::vector<std::string> names_;  // of the part, in the order of the load
  std::vector<ArchivedTensor> ranges_;
  uint64_t bytes_ = 0;
};

absl::Status RunBench(const Options& options) {
  if (options.device != "cpu") HP_RETURN_IF_ERROR(EnsureCudaLoaded());
  HP_ASSIGN_OR_RETURN(WanCheckpoint checkpoint,
                      OpenWanCheckpoint(options.model));
  return Bench(options, std::move(checkpoint)).Run();
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const at::NoGradGuard no_grad;
  const absl::Status status =
      options.write.empty() ? RunBench(options) : WriteRandom(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "load_bench: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
