#include "stage/job/job_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/tensor_archive.h"
#include "stage/job/small_job.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab29\n"
    "size 9953412\n";

class JobScanTest : public ::testing::Test {
 protected:
  absl::StatusOr<ScanResult> Scan() {
    return ScanJob(job_.config, [](const StageProgress&) {});
  }

  ScanResult GoodScan() {
    absl::StatusOr<ScanResult> scanned = Scan();
    EXPECT_TRUE(scanned.ok()) << scanned.status();
    return scanned.ok() ? *std::move(scanned) : ScanResult();
  }

  // What the scan says against the job; nothing of it is made.
  std::string Refusal() {
    const absl::Status status = Scan().status();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(ExitCodeFor(status), ExitCode::kInvalidInput) << status;
    EXPECT_FALSE(
        std::filesystem::exists(job_.folder() / "clips/.halfpipe-cache"));
    return MessageOf(status);
  }

  // The tensors of a file, so that one can be changed.
  TensorForms FormsOf(const std::string& name) {
    TensorForms forms;
    const auto archive = OpenTensorArchive(job_.folder() / name).value();
    for (const auto& [tensor, entry] : archive->tensors()) {
      forms[tensor] = entry.shape;
    }
    return forms;
  }

  SmallJob job_;
};

TEST_F(JobScanTest, AGoodJobHasItsSamples) {
  const ScanResult scan = GoodScan();
  EXPECT_THAT(scan.samples, SizeIs(2));
  EXPECT_THAT(scan.warnings, IsEmpty());
  EXPECT_EQ(scan.variant, "T2V");
  EXPECT_EQ(scan.model.layers, 2);
  EXPECT_GT(scan.lora_parameters, 0);
  EXPECT_THAT(scan.model_digest, SizeIs(64));
  EXPECT_EQ(scan.init_digest, "");
}

TEST_F(JobScanTest, FilesWithoutTheirContentUnderEachKey) {
  const SmallJob& job = job_;
  for (const auto& [key, name] :
       std::vector<std::pair<const char*, const char*>>{
           {"model.dit", "dit/model.safetensors"},
           {"model.text_encoder", "t5.safetensors"},
           {"model.tokenizer", "spiece.model"},
           {"model.vae", "vae.safetensors"}}) {
    SCOPED_TRACE(key);
    const std::string path = job.folder() / name;
    std::filesystem::rename(path, path + ".good");
    job.folder().Write(name, kPointer);
    EXPECT_THAT(Refusal(),
                AllOf(StartsWith(absl::StrCat(key, ": ", path)),
                      HasSubstr("is a Git LFS pointer"), Not(HasSubstr("\n"))));
    job.folder().Write(name, "");
    EXPECT_THAT(Refusal(), AllOf(StartsWith(absl::StrCat(key, ": ", path)),
                                 HasSubstr("is empty")));
    job.folder().Write(name, std::string(100'000, '\0'));
    EXPECT_THAT(Refusal(), AllOf(StartsWith(absl::StrCat(key, ": ", path)),
                                 HasSubstr("all zeros")));
    job.folder().Write(name, "<!DOCTYPE html><html>403 Forbidden</html>");
    EXPECT_THAT(Refusal(), AllOf(StartsWith(absl::StrCat(key, ": ", path)),
                                 HasSubstr("is a web page")));
    // Half a download.
    std::filesystem::copy_file(
        path + ".good", path,
        std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    EXPECT_THAT(Refusal(), StartsWith(absl::StrCat(key, ": ", path)));
    std::filesystem::remove(path);
    std::filesystem::create_symlink("../blobs/4d7a", path);
    EXPECT_THAT(Refusal(), AllOf(StartsWith(absl::StrCat(key, ": ", path)),
                                 HasSubstr("is a link to ../blobs/4d7a")));
    std::filesystem::remove(path);
    std::filesystem::rename(path + ".good", path);
  }
  GoodScan();
}

TEST_F(JobScanTest, FilesThatAreNotThere) {
  job_.config.model.text_encoder = job_.folder() / "none.safetensors";
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.text_encoder: "),
                               HasSubstr("none.safetensors does not exist")));
  job_.folder().Write("none.safetensors.incomplete", "x");
  EXPECT_THAT(Refusal(), HasSubstr("its download has not ended"));
}

TEST_F(JobScanTest, SwappedFiles) {
  std::swap(job_.config.model.text_encoder, job_.config.model.vae);
  EXPECT_EQ(
      Refusal(),
      absl::StrCat("model.text_encoder: ", job_.folder() / "vae.safetensors",
                   " is a Wan VAE, not a UMT5 text encoder: it belongs "
                   "under model.vae\nmodel.vae: ",
                   job_.folder() / "t5.safetensors",
                   " is a UMT5 text encoder, not a Wan VAE: it belongs "
                   "under model.text_encoder"));
}

TEST_F(JobScanTest, TheDitUnderAnEncodersKeyAndTheOtherWayRound) {
  job_.config.model.text_encoder = job_.config.model.dit;
  job_.config.model.dit = job_.config.model.vae;
  EXPECT_THAT(
      Refusal(),
      AllOf(HasSubstr("model.dit: " + (job_.folder() / "vae.safetensors") +
                      " is a Wan VAE, not a Wan DiT"),
            HasSubstr("model.text_encoder: " + (job_.folder() / "dit") +
                      " is a Wan DiT, not a UMT5 text encoder: it belongs "
                      "under model.dit")));
}

TEST_F(JobScanTest, TheVaeOfTheOtherModel) {
  job_.CopyGolden("vae22.safetensors", "vae.safetensors");
  EXPECT_EQ(Refusal(),
            absl::StrCat("model.vae: ", job_.folder() / "vae.safetensors",
                         " has 48 latent channels, but the model takes 16: it "
                         "is the VAE of Wan2.2-TI2V-5B (Wan2.2_VAE), and this "
                         "model needs Wan2.1_VAE"));
  // And the 5B model with the VAE of the others.
  ModelSpec ti2v = *KnownModel("tiny-t2v", 1);
  ti2v.in_channels = ti2v.out_channels = 48;
  job_.WriteDit(ti2v);
  job_.config.data.height = 64;
  GoodScan();
  std::filesystem::remove_all(job_.folder() / "clips/.halfpipe-cache");
  job_.CopyGolden("vae21.safetensors", "vae.safetensors");
  EXPECT_THAT(Refusal(), HasSubstr("has 16 latent channels, but the model "
                                   "takes 48: it is the VAE of all other"));
}

// What a file is comes before what it is filled with.
TEST_F(JobScanTest, AWrongFileIsCalledThatEvenIfItsWeightsAreZeros) {
  const std::string path = job_.folder() / "vae.safetensors";
  const auto copy_half = [&](const char* golden) {
    job_.CopyGolden(golden, "vae.safetensors");
    const auto size = std::filesystem::file_size(path);
    std::filesystem::resize_file(path, size / 2);
    std::filesystem::resize_file(path, size);
  };
  copy_half("vae22.safetensors");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("has 48 latent channels"),
                               Not(HasSubstr("zeros"))));
  copy_half("vae21.safetensors");
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.vae: "),
                               HasSubstr("holds nothing but zeros from byte")));
}

TEST_F(JobScanTest, ATextEncoderOfAnotherWidth) {
  WriteForms(job_.folder() / "t5.safetensors", Umt5Forms(64));
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.text_encoder: "),
                               HasSubstr("gives 64 features a token, but the "
                                         "model takes 32")));
}

TEST_F(JobScanTest, ATokenizerOfAnotherModel) {
  WriteForms(job_.folder() / "t5.safetensors", Umt5Forms(32, 20'000));
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.tokenizer: "),
                               HasSubstr("has rows for 20000: the two do not "
                                         "belong together")));
  WriteForms(job_.folder() / "t5.safetensors", Umt5Forms(32, 64));
  EXPECT_THAT(Refusal(), HasSubstr("has rows for 64"));
}

TEST_F(JobScanTest, AnEncoderWithATensorMissingOrQuantised) {
  TensorForms forms = Umt5Forms();
  forms.erase("blocks.0.attn.k.weight");
  WriteForms(job_.folder() / "t5.safetensors", forms);
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.text_encoder: "),
                               HasSubstr("blocks.0.attn.k.weight")));
  WriteForms(job_.folder() / "t5.safetensors", Umt5Forms());
  WriteForms(job_.folder() / "vae.safetensors", FormsOf("vae.safetensors"),
             DType::kF8E4M3);
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("model.vae: "), HasSubstr("F8_E4M3")));
}

TEST_F(JobScanTest, ATokenizersFolderWithoutItsModel) {
  job_.config.model.tokenizer = job_.folder() / "tokenizer";
  std::filesystem::create_directories(job_.folder() / "tokenizer");
  job_.folder().Write("tokenizer/tokenizer.json", "{}");
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.tokenizer: "),
                               HasSubstr("a tokenizer.json is not read")));
}

TEST_F(JobScanTest, PartsOfACheckpointThatAreMissing) {
  std::filesystem::rename(job_.folder() / "dit/model.safetensors",
                          job_.folder() / "dit/m-00001-of-00002.safetensors");
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("model.dit: "),
                    HasSubstr("1 of 2 parts of a model are missing"),
                    HasSubstr("m-00002-of-00002.safetensors does not exist")));
  job_.folder().Write("dit/m-00002-of-00002.safetensors.incomplete", "x");
  EXPECT_THAT(Refusal(), HasSubstr("its download has not ended"));
}

TEST_F(JobScanTest, TwoCopiesOfAModelInAFolder) {
  std::filesystem::copy_file(job_.folder() / "dit/model.safetensors",
                             job_.folder() / "dit/model_bf16.safetensors");
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.dit: "),
                               HasSubstr("model.safetensors and in"),
                               HasSubstr("model_bf16.safetensors")));
}

TEST_F(JobScanTest, AFolderAboveTheOneThatIsMeant) {
  std::filesystem::create_directories(job_.folder() / "wan");
  std::filesystem::rename(job_.folder() / "dit", job_.folder() / "wan/high");
  job_.config.model.dit = job_.folder() / "wan";
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("holds no .safetensors"),
                               HasSubstr(job_.folder() / "wan/high")));
  // With another part of the model in it.
  std::filesystem::copy_file(job_.folder() / "vae.safetensors",
                             job_.folder() / "wan/vae.safetensors");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("wan is a Wan VAE, not a Wan DiT"),
                               HasSubstr("of its folders there is " +
                                         (job_.folder() / "wan/high"))));
}

TEST_F(JobScanTest, ModelsWhoseInputsCannotBeMade) {
  ModelSpec wan = *KnownModel("tiny-i2v", 1);
  wan.image_dim = 16;
  job_.WriteDit(wan);
  EXPECT_THAT(Refusal(), AllOf(StartsWith("model.dit: "),
                               HasSubstr("Wan2.1-I2V or Wan2.1-Fun-InP"),
                               HasSubstr("CLIP image encoder")));
  wan.in_channels = 48;
  job_.WriteDit(wan);
  EXPECT_THAT(Refusal(), HasSubstr("Wan2.1-Fun-Control"));
}

TEST_F(JobScanTest, SizesThatTheModelDoesNotTake) {
  ModelSpec ti2v = *KnownModel("tiny-t2v", 1);
  ti2v.in_channels = ti2v.out_channels = 48;
  job_.WriteDit(ti2v);
  job_.CopyGolden("vae22.safetensors", "vae.safetensors");
  job_.config.data.height = 80;
  job_.config.data.width = 48;
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("data.height: this model (TI2V) takes multiples "
                              "of 32, found 80 (64 or 96)"),
                    HasSubstr("data.width: this model (TI2V) takes multiples "
                              "of 32, found 48 (32 or 64)")));
}

TEST_F(JobScanTest, ALoraToStartFrom) {
  job_.config.lora.init_from = job_.folder() / "lora.safetensors";
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("lora.init_from"),
                               HasSubstr("lora.safetensors does not exist")));
  job_.folder().Write("lora.safetensors", kPointer);
  EXPECT_THAT(Refusal(), HasSubstr("is a Git LFS pointer"));
  job_.config.lora.init_from = job_.config.model.dit;
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("lora.init_from: "),
                    HasSubstr("is a Wan DiT, not a LoRA: it belongs under "
                              "model.dit")));
  job_.config.lora.init_from = job_.folder() / "lora.safetensors";
  job_.config.lora.targets = {"self_attn.q"};
  WriteForms(job_.folder() / "lora.safetensors",
             {{"diffusion_model.blocks.0.self_attn.q.lora_A.weight", {8, 48}},
              {"diffusion_model.blocks.0.self_attn.q.lora_B.weight", {48, 8}},
              {"diffusion_model.blocks.1.self_attn.q.lora_A.weight", {8, 48}},
              {"diffusion_model.blocks.1.self_attn.q.lora_B.weight", {48, 8}}});
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("lora.init_from: "), HasSubstr("rank 8")));
  job_.config.lora.rank = 8;
  const std::string digest = GoodScan().init_digest;
  EXPECT_THAT(digest, SizeIs(64));
  // Another content, another digest; another name, the same.
  job_.config.lora.init_from = job_.folder() / "renamed.safetensors";
  std::filesystem::rename(job_.folder() / "lora.safetensors",
                          job_.config.lora.init_from);
  EXPECT_EQ(GoodScan().init_digest, digest);
  std::fstream file(job_.config.lora.init_from,
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put(0);
  file.close();
  EXPECT_NE(GoodScan().init_digest, digest);
}

// Everything that is wrong with a job is said in one go.
TEST_F(JobScanTest, EveryProblemAtOnce) {
  job_.folder().Write("t5.safetensors", kPointer);
  job_.folder().Write("vae.safetensors", "<html>404</html>");
  job_.folder().Write("spiece.model", "");
  job_.config.lora.init_from = job_.folder() / "none.safetensors";
  job_.config.data.frames = 9;
  job_.folder().Write("clips/a.mp4", kPointer);
  std::filesystem::remove(job_.folder() / "clips/b.mp4");
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("model.text_encoder: "), HasSubstr("model.vae: "),
                    HasSubstr("model.tokenizer: "), HasSubstr("lora.init_from"),
                    HasSubstr("b.txt")));
  // The LoRA's file is looked at though no model says what it should hold.
  job_.folder().Write("dit/model.safetensors", kPointer);
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("model.dit: "), HasSubstr("lora.init_from")));
}

TEST_F(JobScanTest, MediaWithoutTheirContent) {
  job_.folder().Write("clips/a.mp4", kPointer);
  job_.folder().Write("clips/b.mp4", "");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("a.mp4 is a Git LFS pointer"),
                               HasSubstr("b.mp4 is empty (0 bytes)")));
  // These go the way of other files that cannot be decoded.
  job_.config.data.on_bad_file = BadFilePolicy::kSkip;
  EXPECT_THAT(GoodScan().samples, SizeIs(2));
}

TEST_F(JobScanTest, LongCaptionsAreNamedWithTheirCount) {
  std::string caption;
  for (int i = 0; i < 900; ++i) caption += "film ";
  job_.folder().Write("clips/b.txt", caption);
  const ScanResult scan = GoodScan();
  ASSERT_THAT(scan.warnings, SizeIs(1));
  EXPECT_THAT(scan.warnings[0],
              AllOf(HasSubstr("/clips/b.mp4: the caption has "),
                    HasSubstr(" tokens, and the model reads 512")));
}

TEST_F(JobScanTest, AnImageEncoderThatNobodyAsks) {
  job_.config.model.clip = job_.folder() / "clip.pth";
  EXPECT_THAT(GoodScan().warnings, Contains(StartsWith("model.clip: ")));
}

TEST_F(JobScanTest, MadeUpSamplesNeedNoEncoders) {
  job_.config.data.random.samples = 3;
  job_.config.model.text_encoder = "";
  job_.config.model.vae = job_.folder() / "none";
  job_.config.model.tokenizer = "";
  EXPECT_THAT(GoodScan().samples, SizeIs(3));
}

TEST_F(JobScanTest, EncodersThatAreNotNamed) {
  job_.config.model.vae = "";
  job_.config.model.tokenizer = "";
  job_.config.model.text_encoder = "";
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("model.vae: is missing"),
                               HasSubstr("model.tokenizer: is missing"),
                               HasSubstr("model.text_encoder: is missing")));
}

}  // namespace
}  // namespace halfpipe
