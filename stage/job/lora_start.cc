#include "stage/job/lora_start.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/model/linear_shapes.h"
#include "common/store/lora_archive.h"
#include "stage/job/model_source.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/wan/lora_targets.h"

namespace halfpipe {
namespace {

constexpr size_t kMostExamples = 3;

// "3 keys ('a', 'b', 'c')", "30 keys ('a', 'b', 'c', ...)".
std::string Counted(const std::vector<std::string>& names,
                    absl::string_view what) {
  const size_t shown = std::min(names.size(), kMostExamples);
  return absl::StrCat(
      names.size(), " ", what, names.size() == 1 ? "" : "s", " ('",
      absl::StrJoin(names.begin(), names.begin() + static_cast<int64_t>(shown),
                    "', '"),
      shown < names.size() ? "', ...)" : "')");
}

// How many blocks of the model the file has `linear` in.
int64_t BlocksWith(const std::string& linear, int64_t layers,
                   const std::map<std::string, StoredLora>& held) {
  int64_t count = 0;
  for (int64_t i = 0; i < layers; ++i) {
    if (held.contains(absl::StrCat("blocks.", i, ".", linear))) ++count;
  }
  return count;
}

// "q, k, cross_attn.v": what lora.targets can say for the layers that the file
// has in every block; empty where it has one in some blocks only.
std::string CoveringTargets(const ModelSpec& model_spec,
                            const std::map<std::string, StoredLora>& held) {
  std::map<std::string, std::vector<std::string>> whole;  // by last name
  std::map<std::string, size_t> all;
  for (const std::string& linear : BlockLinears(model_spec)) {
    const bool inner = absl::StartsWith(linear, "ffn.");
    const std::string last =
        inner ? linear : linear.substr(linear.rfind('.') + 1);
    ++all[last];
    const int64_t blocks = BlocksWith(linear, model_spec.layers, held);
    if (blocks == model_spec.layers) whole[last].push_back(linear);
    if (blocks != 0 && blocks != model_spec.layers) return "";
  }
  std::vector<std::string> targets;
  for (auto& [last, linears] : whole) {
    if (linears.size() == all[last]) linears = {last};
    targets.insert(targets.end(), linears.begin(), linears.end());
  }
  return absl::StrJoin(targets, ", ");
}

// A LoRA file beside what lora.targets takes.
class Start {
 public:
  Start(const LoraConfig& lora, const ModelSpec& model_spec,
        const LoraArchive& file, const std::vector<std::string>& targets)
      : lora_(lora), model_spec_(model_spec), file_(file) {
    const auto& modules = file.contents().modules;
    const std::set<std::string> wanted(targets.begin(), targets.end());
    for (const std::string& target : targets) {
      auto& list = modules.contains(target) ? taken_ : fresh_;
      list.push_back(target);
    }
    for (const auto& [module, stored] : modules) {
      if (!wanted.contains(module)) surplus_.push_back(stored.keys.a);
    }
  }

  [[nodiscard]] absl::StatusOr<LoraStartReport> Judge() {
    JudgeTaken();
    JudgeCover();
    if (!problems_.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Subject(), absl::StrJoin(problems_, "; it ")));
    }
    HP_RETURN_IF_ERROR(JudgeNumbers());
    if (const std::string warning = file_.ScaleWarning(); !warning.empty()) {
      report_.warnings.push_back(absl::StrCat("lora.init_from: ", warning));
    }
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::string Subject() const {
    return absl::StrCat("lora.init_from: ", file_.path(), " ");
  }

  void Warn(absl::string_view what) {
    report_.warnings.push_back(absl::StrCat(Subject(), what));
  }

  // Sizes of the layers that are taken.
  void JudgeTaken() {
    const LinearShapes shapes = LinearShapesOf(model_spec_);
    std::map<int64_t, std::vector<std::string>> by_rank;
    std::vector<std::string> misfits;
    for (const std::string& module : taken_) {
      const StoredLora& stored = file_.contents().modules.at(module);
      const absl::Status fits =
          CheckFitsBase(module, {stored.in, stored.out}, shapes);
      if (fits.ok()) {
        by_rank[stored.rank].push_back(module);
      } else {
        misfits.emplace_back(fits.message());
      }
    }
    if (!misfits.empty()) {
      problems_.push_back(absl::StrCat("does not fit this model in ",
                                       misfits.size(), " of ", taken_.size(),
                                       " layers: ", misfits.front()));
    }
    JudgeRank(by_rank);
  }

  void JudgeRank(const std::map<int64_t, std::vector<std::string>>& by_rank) {
    if (by_rank.empty()) return;
    if (by_rank.size() == 1) {
      const int64_t rank = by_rank.begin()->first;
      if (rank == lora_.rank) return;
      problems_.push_back(absl::StrCat("has rank ", rank, ", but lora.rank is ",
                                       lora_.rank,
                                       "; write lora.rank: ", rank));
      return;
    }
    std::vector<std::string> ranks;
    ranks.reserve(by_rank.size());
    for (const auto& [rank, modules] : by_rank) {
      ranks.push_back(
          absl::StrCat("rank ", rank, " in ", Counted(modules, "layer")));
    }
    problems_.push_back(absl::StrCat(
        "has ", absl::StrJoin(ranks, " and "), ", but a training has one (",
        "lora.rank is ", lora_.rank,
        "); merge it into the model with `halfpipe convert --merge-into` and "
        "start a fresh LoRA on that"));
  }

  // What one side has and the other lacks.
  void JudgeCover() {
    if (taken_.empty()) return RefuseAll();
    const std::string covering =
        CoveringTargets(model_spec_, file_.contents().modules);
    const std::string write =
        covering.empty()
            ? "write"
            : absl::StrCat("write lora.targets: [", covering, "], or");
    if (!fresh_.empty()) {
      Refuse(absl::StrCat("has no matrices for ", Counted(fresh_, "layer"),
                          " that lora.targets takes"),
             write, "start those fresh");
    }
    if (!surplus_.empty()) JudgeSurplus(write);
    JudgeDifferences();
    JudgeSecondExpert();
  }

  void RefuseAll() {
    std::vector<std::string> keys = surplus_;
    for (const auto& [tensor, key] : file_.contents().differences) {
      keys.push_back(key);
    }
    problems_.push_back(absl::StrCat(
        "has none of the ", fresh_.size(),
        " layers that lora.targets takes (such as '", fresh_.front(),
        "'), but ", Counted(keys, "other key"), "; name a LoRA of this model"));
  }

  void JudgeSurplus(const std::string& write) {
    const bool known = KnowsAll();
    Refuse(absl::StrCat("holds ", Counted(surplus_, "key"),
                        known ? " of layers that lora.targets does not take"
                              : " of layers that this model does not have or "
                                "a LoRA here cannot train"),
           known ? write : "write", "leave those out");
  }

  void JudgeDifferences() {
    std::vector<std::string> keys;
    for (const auto& [tensor, key] : file_.contents().differences) {
      keys.push_back(key);
    }
    if (keys.empty()) return;
    Refuse(absl::StrCat("holds ", Counted(keys, "key"),
                        " that are differences of whole tensors, not A and B "
                        "matrices, which a LoRA here does not train"),
           "merge the file into the model with `halfpipe convert "
           "--merge-into`, or write",
           "leave those out");
  }

  void JudgeSecondExpert() {
    const std::vector<std::string>& keys = file_.contents().second_expert;
    if (keys.empty()) return;
    Refuse(absl::StrCat("holds ", Counted(keys, "key"), " of a second expert"),
           "save each expert's keys in a file of its own, or write",
           "take the first expert's only");
  }

  // With lora.partial a warning, else a problem with what to write.
  void Refuse(absl::string_view what, absl::string_view write,
              absl::string_view partial) {
    if (lora_.partial) {
      Warn(absl::StrCat(what, ": lora.partial says to ", partial));
      return;
    }
    problems_.push_back(
        absl::StrCat(what, "; ", write, " lora.partial: true to ", partial));
  }

  // Whether the model can train every layer of the file.
  [[nodiscard]] bool KnowsAll() const {
    const LinearShapes shapes = LinearShapesOf(model_spec_);
    const auto& modules = file_.contents().modules;
    return std::all_of(modules.begin(), modules.end(), [&](const auto& entry) {
      return shapes.contains(entry.first);
    });
  }

  // Alphas, and that every number is finite.
  absl::Status JudgeNumbers() {
    std::set<double> alphas;
    for (const std::string& module : taken_) {
      const StoredLora& stored = file_.contents().modules.at(module);
      absl::StatusOr<LoraModule> read = file_.Read(module, LoraScale::kApart);
      if (!read.ok()) return Annotate(read.status(), "lora.init_from");
      // Without a word about it the scale is in B, whatever alpha was.
      if (!stored.keys.alpha.empty() || read->scale != 1.0) {
        alphas.insert(read->scale * static_cast<double>(stored.rank));
      }
    }
    const bool other = std::any_of(
        alphas.begin(), alphas.end(),
        [&](double alpha) { return std::abs(alpha - lora_.alpha) > 1e-6; });
    if (other) WarnOfAlpha(*alphas.begin(), *alphas.rbegin());
    return absl::OkStatus();
  }

  void WarnOfAlpha(double least, double most) {
    const bool one = least == most;
    Warn(absl::StrCat(
        "has alpha ", least, one ? "" : absl::StrCat(" to ", most),
        " and lora.alpha is ", lora_.alpha,
        ": B is rescaled so that training starts from what the file was; but "
        "with the same learning rate B then changes faster or slower",
        one ? absl::StrCat("; write lora.alpha: ", least,
                           " to go on as it was trained")
            : ""));
  }

  const LoraConfig& lora_;
  const ModelSpec& model_spec_;
  const LoraArchive& file_;
  std::vector<std::string> taken_;    // layers of both
  std::vector<std::string> fresh_;    // layers that only lora.targets has
  std::vector<std::string> surplus_;  // keys of layers that only the file has
  std::vector<std::string> problems_;
  LoraStartReport report_;
};

absl::StatusOr<LoraArchive> OpenStart(const LoraConfig& lora) {
  absl::StatusOr<LoraArchive> file = LoraArchive::Open(lora.init_from);
  if (!file.ok()) return Annotate(file.status(), "lora.init_from");
  return file;
}

absl::Status CopyInto(const LoraModule& module, double scale,
                      LoraAdapter* adapter) {
  if (ShapeOf(adapter->a.master) != Shape{module.rank, module.in} ||
      ShapeOf(adapter->b.master) != Shape{module.out, module.rank}) {
    return absl::InternalError(absl::StrCat("the matrices of ", module.module,
                                            " are not those of its adapter"));
  }
  const auto view = [](const std::vector<float>& values, const Shape& shape) {
    return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
  };
  adapter->a.master.copy_(view(module.a, {module.rank, module.in}));
  // The file's B holds its own alpha / rank; ours is applied again later.
  adapter->b.master.copy_(view(module.b, {module.out, module.rank}) / scale);
  adapter->RefreshComputeCopies();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoraStartReport> CheckLoraStart(const LoraConfig& lora,
                                               const ModelSpec& model_spec) {
  if (lora.init_from.empty()) return LoraStartReport();
  HP_ASSIGN_OR_RETURN(const std::vector<std::string> targets,
                      LoraModules(model_spec, lora));
  HP_ASSIGN_OR_RETURN(const LoraArchive file, OpenStart(lora));
  return Start(lora, model_spec, file, targets).Judge();
}

absl::Status StartFromLora(const LoraConfig& lora, const ModelSpec& model_spec,
                           const std::vector<LoraAdapter*>& adapters) {
  HP_RETURN_IF_ERROR(CheckLoraStart(lora, model_spec).status());
  HP_ASSIGN_OR_RETURN(const LoraArchive file, OpenStart(lora));
  for (LoraAdapter* adapter : adapters) {
    if (!file.contents().modules.contains(adapter->module)) continue;
    HP_ASSIGN_OR_RETURN(const LoraModule module,
                        file.Read(adapter->module, LoraScale::kInB));
    HP_RETURN_IF_ERROR(CopyInto(module, lora.scale(), adapter));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
