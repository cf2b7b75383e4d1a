// Adding a variant takes a row and a file (made_up_variant.cc): everything else
// finds its modules, its input and its split tensor by the ModelSpec. It trains
// on two stages to the bits of one, and `verify` finds its gradients to be
// those of float32 autograd.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/known_variants.h"
#include "common/model/model_text.h"
#include "common/pipeline/schedule.h"
#include "common/store/scratch_folder.h"
#include "stage/job/autograd_model.h"
#include "stage/job/golden_file.h"
#include "stage/job/verify.h"
#include "stage/runtime/stage_runner.h"
#include "stage/train/sample_store.h"
#include "stage/train/segments.h"
#include "stage/train/training_compute.h"
#include "stage/wan/boundary.h"
#include "stage/wan/embeddings.h"
#include "stage/wan/load_stage_model.h"
#include "stage/wan/lora_targets.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kBatch = 2;
constexpr int64_t kLayers = 4;

LoraSpec Lora() {
  return {.rank = 2,
          .alpha = 4.0,
          .targets = {"q", "k", "v", "o", "ffn.0", "ffn.2", "proj"}};
}

ModelSpec Model() { return KnownModel("tiny-made-up", /*layers=*/0).value(); }

// Both ends of one in-process link.
class LoopbackLinks : public LinkFactory {
 public:
  absl::StatusOr<std::string> Open(absl::string_view /*kind*/) override {
    return std::string("in this process");
  }

  absl::StatusOr<std::unique_ptr<PeerLink>> Join(
      const JoinRequest& request) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (digest_.empty()) {
      digest_ = request.boundary_digest;
      HP_ASSIGN_OR_RETURN(links_, MakeLoopbackPair());
    }
    EXPECT_EQ(digest_, request.boundary_digest);
    return std::move(request.rank == Rank(0) ? links_.first : links_.second);
  }

 private:
  std::mutex mutex_;
  std::string digest_;
  std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>> links_;
};

class MadeUpVariantTest : public ::testing::Test {
 protected:
  MadeUpVariantTest() : model_(Model()) {
    at::set_num_threads(1);
    at::manual_seed(3);
    WriteModel();
    WriteGolden();
  }

  [[nodiscard]] std::string ModelPath() const { return folder_ / "dit"; }

  [[nodiscard]] std::string GoldenPath() const {
    return folder_ / "golden.safetensors";
  }

  void WriteModel() {
    const RandomWeights random(model_, 7);
    for (const auto& [name, shape] : WanTensors(model_)) {
      auto tensor = random.Load(name, at::kFloat, at::kCPU);
      ASSERT_TRUE(tensor.ok()) << tensor.status();
      weights_[name] = *tensor;
    }
    std::filesystem::create_directories(ModelPath());
    const absl::Status written = WriteTensorFile(
        ModelPath() + "/model.safetensors", {weights_.begin(), weights_.end()});
    ASSERT_TRUE(written.ok()) << written;
    ASSERT_TRUE(WriteFileAtomically(ModelPath() + "/config.json",
                                    "{\"num_attention_heads\": 2, "
                                    "\"attention_head_dim\": 24}")
                    .ok());
  }

  // What autograd makes of random inputs and adapters.
  void WriteGolden() {
    const c10::AutoGradMode with_gradients(true);
    AutogradModel model{.spec = model_, .weights = weights_};
    model.scale = Lora().scale();
    const std::vector<std::string> modules =
        LoraModules(model_, Lora()).value();
    for (const std::string& module : modules) {
      const at::Tensor& weight = weights_.at(module + ".weight");
      model.adapters[module] = {
          at::randn({Lora().rank, weight.size(1)}).mul_(0.1).requires_grad_(),
          at::randn({weight.size(0), Lora().rank}).mul_(0.1).requires_grad_()};
    }
    MicrobatchInputs inputs;
    inputs.latents = at::randn({kBatch, 16, 2, 4, 6});
    inputs.timestep = at::tensor({250.0F, 700.0F});
    inputs.context = at::randn({kBatch, 3, 32});
    inputs.extra["sound"] = at::randn({kBatch, 5});
    const at::Tensor rows =
        model.Apply("sound_embedding", inputs.extra["sound"].unsqueeze(1));
    model.behind_block = [&](int64_t block, const at::Tensor& x) {
      if (block % 2 == 0) return x;
      return x +
             model.Apply(absl::StrCat("gain.", block / 2, ".proj"), x * rows);
    };
    const at::Tensor target = at::randn({kBatch, 16, 2, 4, 6});
    const at::Tensor prediction = model.Predict(inputs);
    const at::Tensor loss = (prediction - target).square().mean();
    loss.backward();
    NamedTensors tensors = {
        {"in.latents", inputs.latents}, {"in.timestep", inputs.timestep},
        {"in.context", inputs.context}, {"in.sound", inputs.extra["sound"]},
        {"in.target", target},          {"out.prediction", prediction.detach()},
        {"out.loss", loss.detach()}};
    for (const auto& [module, adapter] : model.adapters) {
      for (const bool is_b : {false, true}) {
        const at::Tensor& matrix = is_b ? adapter.b : adapter.a;
        const std::string key = GoldenLoraKey(module, is_b);
        tensors.emplace_back("lora." + key, matrix.detach());
        tensors.emplace_back("grad." + key, matrix.grad());
      }
    }
    const absl::Status written =
        WriteTensorFile(GoldenPath(), tensors, {{"rank", "2"}, {"alpha", "4"}});
    ASSERT_TRUE(written.ok()) << written;
  }

  VerifyOptions Options(int32_t stages) {
    VerifyOptions options;
    options.model = ModelPath();
    options.golden = GoldenPath();
    options.stages = stages;
    options.micro_batches = kBatch;
    options.memory = "offload";
    if (stages == 2) {
      options.link_dir = folder_ / "link";
      std::filesystem::create_directories(options.link_dir);
    }
    return options;
  }

  // Three steps on so many stages: losses, and the LoRA masters by name.
  struct Trained {
    std::vector<double> losses;
    std::map<std::string, at::Tensor> masters;
  };

  std::unique_ptr<TrainingCompute> MakeCompute(Rank rank, int32_t world,
                                               GoldenSource* source,
                                               const GoldenFile& golden) {
    const std::vector<SegmentContent> segments =
        MakeSegments(kLayers, world == 1 ? kLayers : kLayers / 2, world);
    StageModelOptions options;
    options.embeddings = options.head = rank == Rank(0);
    options.blocks = BlocksOf(segments, rank);
    options.lora = Lora();
    options.plan = ActivationPlan::Uniform(ActivationPolicy::kRecompute,
                                           CountBlocks(options.blocks));
    auto model = LoadStageModel(
        RandomWeights(model_, 7), options,
        [](absl::string_view, const at::Tensor& out) { out.zero_(); });
    EXPECT_TRUE(model.ok()) << model.status();
    for (LoraAdapter* adapter : (*model)->adapters()) {
      adapter->a.master.copy_(golden.lora.at(adapter->module).a);
      adapter->b.master.copy_(golden.lora.at(adapter->module).b);
    }
    EXPECT_TRUE((*model)->RefreshComputeCopies().ok());
    TrainingComputeOptions stage;
    stage.rank = rank;
    stage.segments = segments;
    stage.tensor_owners =
        LoraTensorOwners(model_, segments, LoraModules(model_, Lora()).value());
    stage.max_grad_norm = 0.5;
    stage.shape_of = [source](const StepPlan&, Microbatch microbatch) {
      return source->ShapeOfPart(microbatch);
    };
    return std::make_unique<TrainingCompute>(std::move(stage),
                                             *std::move(model), source);
  }

  static void RunSteps(TrainingCompute* compute, PeerLink* link, int32_t world,
                       Rank rank, std::vector<double>* losses) {
    at::set_num_threads(1);
    StageRunner runner(compute, link);
    const auto schedule = pipeline::BuildSchedule(
        {.microbatches = static_cast<int32_t>(kBatch), .stages = world});
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    for (int64_t step = 0; step < 3; ++step) {
      StepPlan plan;
      plan.step = Step(step);
      plan.learning_rate = 1e-2;
      plan.microbatches.resize(kBatch);
      const auto report = runner.RunStep(
          plan, schedule->ranks[static_cast<size_t>(rank.value())], {});
      ASSERT_TRUE(report.ok()) << report.status();
      losses->insert(losses->end(), report->losses.begin(),
                     report->losses.end());
    }
  }

  Trained Train(int32_t world) {
    const GoldenFile golden =
        ReadGoldenFile(GoldenPath(), model_.extra_inputs).value();
    GoldenSource source = GoldenSource::Create(&golden, kBatch).value();
    Trained trained;
    std::vector<std::unique_ptr<TrainingCompute>> stages;
    for (int32_t rank = 0; rank < world; ++rank) {
      stages.push_back(MakeCompute(Rank(rank), world, &source, golden));
    }
    if (world == 1) {
      RunSteps(stages[0].get(), nullptr, world, Rank(0), &trained.losses);
    } else {
      auto links = MakeLoopbackPair().value();
      std::vector<double> none;
      std::thread peer([&] {
        RunSteps(stages[1].get(), links.second.get(), world, Rank(1), &none);
      });
      RunSteps(stages[0].get(), links.first.get(), world, Rank(0),
               &trained.losses);
      peer.join();
    }
    for (const auto& stage : stages) {
      for (const LoraAdapter* adapter : stage->model().adapters()) {
        trained.masters[adapter->a.name] = adapter->a.master.clone();
        trained.masters[adapter->b.name] = adapter->b.master.clone();
      }
    }
    return trained;
  }

  ScratchFolder folder_;
  ModelSpec model_;
  std::map<std::string, at::Tensor> weights_;
};

TEST_F(MadeUpVariantTest, ItsFilesAreRecognised) {
  const auto checkpoint = OpenWanCheckpoint(ModelPath());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->variant.spec, model_);
  const std::string text = ModelText(model_);
  EXPECT_THAT(text, HasSubstr("variant:     Made up, T2V\n"));
  EXPECT_THAT(text, HasSubstr("sound (B, 5): a sound's loudness by band\n"));
  EXPECT_THAT(text, HasSubstr("sound_rows (B, 1, 48), compute dtype\n"));
  EXPECT_THAT(text, HasSubstr("gain.1. (gain) after block 3\n"));
}

TEST_F(MadeUpVariantTest, ItsTensorCrossesBehindTheFamilys) {
  const auto boundary = MakeBoundarySpec(
      model_,
      {.batch = 2, .frames = 2, .rows = 4, .columns = 6, .text_tokens = 3},
      DType::kBF16);
  ASSERT_TRUE(boundary.ok()) << boundary.status();
  ASSERT_EQ(boundary->tensors.size(), 4u);
  EXPECT_EQ(boundary->tensors[3].name, "sound_rows");
  EXPECT_EQ(boundary->tensors[3].shape, (Shape{2, 1, 48}));
  EXPECT_EQ(boundary->tensors[3].dtype, DType::kBF16);
}

TEST_F(MadeUpVariantTest, OneStageComputesWhatAutogradDoes) {
  const auto within = RunVerify(Rank(0), Options(1), nullptr);
  ASSERT_TRUE(within.ok()) << within.status();
  EXPECT_TRUE(*within);
}

TEST_F(MadeUpVariantTest, TwoStagesComputeWhatAutogradDoes) {
  LoopbackLinks links;
  const VerifyOptions options = Options(2);
  absl::StatusOr<bool> delivered = false;
  std::thread peer([&] { delivered = RunVerify(Rank(1), options, &links); });
  const auto within = RunVerify(Rank(0), options, &links);
  peer.join();
  ASSERT_TRUE(within.ok()) << within.status();
  ASSERT_TRUE(delivered.ok()) << delivered.status();
  EXPECT_TRUE(*within);
}

TEST_F(MadeUpVariantTest, TwoStagesTrainToTheBitsOfOne) {
  const Trained alone = Train(1);
  const Trained pair = Train(2);
  ASSERT_EQ(alone.losses.size(), 6u);
  EXPECT_EQ(pair.losses, alone.losses);
  EXPECT_LT(alone.losses[4] + alone.losses[5],
            alone.losses[0] + alone.losses[1]);
  ASSERT_EQ(pair.masters.size(), alone.masters.size());
  EXPECT_TRUE(alone.masters.contains("gain.1.proj.lora_A"));
  for (const auto& [name, master] : alone.masters) {
    EXPECT_TRUE(master.equal(pair.masters.at(name))) << name;
  }
}

TEST_F(MadeUpVariantTest, ItsInputMustBeGiven) {
  const GoldenFile golden =
      ReadGoldenFile(GoldenPath(), model_.extra_inputs).value();
  EXPECT_THAT(ReadGoldenFile(GoldenPath()).status().message(),
              HasSubstr("'in.sound' is no input that halfpipe knows"));
  GoldenSource source = GoldenSource::Create(&golden, 1).value();
  MicrobatchInputs inputs = source.Load({}, Microbatch(0)).value().inputs;
  EXPECT_TRUE(ShapeOfInputs(model_, inputs).ok());
  inputs.extra.clear();
  EXPECT_THAT(ShapeOfInputs(model_, inputs).status().message(),
              HasSubstr("sound"));
  ModelSpec plain = KnownModel("tiny-t2v", 0).value();
  inputs.extra["sound"] = at::zeros({kBatch, 5});
  EXPECT_THAT(ShapeOfInputs(plain, inputs).status().message(),
              HasSubstr("sound: this model (T2V) does not take it"));
}

}  // namespace
}  // namespace halfpipe
