#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "client/doctor/checks.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

nlohmann::json TwoGpus() {
  nlohmann::json probe = {{"schema", 1},           {"torch", "2.11.0"},
                          {"cuda", "13.0"},        {"nccl", "2.28.9"},
                          {"p2p_disabled", false}, {"shm_disabled", false}};
  for (int i = 0; i < 2; ++i) {
    probe["gpus"].push_back({{"index", i},
                             {"name", "NVIDIA RTX 4090"},
                             {"uuid", "GPU-1"},
                             {"total_bytes", int64_t{24} << 30},
                             {"free_bytes", int64_t{23} << 30},
                             {"host_to_device_bytes_per_second", 25e9},
                             {"device_to_host_bytes_per_second", 24e9}});
    probe["links"].push_back({{"from", i},
                              {"to", 1 - i},
                              {"peer_access", true},
                              {"nvlink", false},
                              {"bytes_per_second", 20e9}});
  }
  return probe;
}

TEST(StageProbeTest, AHealthyPairIsOk) {
  const Findings findings = FindingsOfProbe(TwoGpus().dump());
  ASSERT_EQ(findings.size(), 5u);
  EXPECT_EQ(findings[0].found, "torch 2.11.0, cuda 13.0, nccl 2.28.9");
  EXPECT_THAT(findings[1].found, HasSubstr("23.0 GiB free of 24.0 GiB"));
  EXPECT_THAT(findings[1].found, HasSubstr("to it 25.0 GB/s, from it 24.0"));
  EXPECT_EQ(findings[3].subject, "link 0 to 1");
  EXPECT_EQ(findings[3].found,
            "peer access over PCIe, a copy runs at 20.0 GB/s");
  EXPECT_EQ(WorstOf(findings), Verdict::kOk);
}

TEST(StageProbeTest, NamesTheArithmeticOfTheCpu) {
  nlohmann::json probe = TwoGpus();
  probe["arithmetic"] = "mkl AVX2,STRICT, onednn avx2, aten AVX2";
  probe["arithmetic_settings"] = "";
  Findings findings = FindingsOfProbe(probe.dump());
  EXPECT_EQ(findings[1].subject, "cpu arithmetic");
  EXPECT_EQ(findings[1].found, "mkl AVX2,STRICT, onednn avx2, aten AVX2");
  EXPECT_EQ(findings[1].verdict, Verdict::kInfo);
  probe["arithmetic"] = "mkl off, onednn avx2, aten AVX2";
  probe["mkl_mode"] = "off";
  probe["arithmetic_settings"] = "MKL_CBWR=OFF";
  findings = FindingsOfProbe(probe.dump());
  EXPECT_EQ(findings[1].verdict, Verdict::kWarn);
  EXPECT_THAT(findings[1].found, HasSubstr("MKL_CBWR=OFF"));
  EXPECT_THAT(findings[1].advice, HasSubstr("MKL_CBWR"));
}

TEST(StageProbeTest, SaysWhichWayNcclTakes) {
  nlohmann::json probe = TwoGpus();
  probe["links"][0]["nvlink"] = true;
  probe["links"][1]["peer_access"] = false;
  Findings findings = FindingsOfProbe(probe.dump());
  EXPECT_THAT(findings[3].found, HasSubstr("NVLink"));
  EXPECT_THAT(findings[4].found, HasSubstr("shared memory"));
  probe["shm_disabled"] = true;
  probe["p2p_disabled"] = true;
  findings = FindingsOfProbe(probe.dump());
  EXPECT_THAT(findings[3].found, HasSubstr("sockets"));
  EXPECT_EQ(findings[3].verdict, Verdict::kWarn);
  EXPECT_THAT(findings[3].advice, HasSubstr("unset it"));
}

TEST(StageProbeTest, SlowAndBrokenThingsHaveAdvice) {
  nlohmann::json probe = TwoGpus();
  probe["gpus"][0]["host_to_device_bytes_per_second"] = 1e9;
  probe["gpus"][1]["error"] = "cudaErrorECCUncorrectable";
  probe["links"][0]["bytes_per_second"] = 0.5e9;
  probe["links"][1]["error"] = "timed out";
  const Findings findings = FindingsOfProbe(probe.dump());
  EXPECT_EQ(findings[1].verdict, Verdict::kWarn);
  EXPECT_EQ(findings[2].verdict, Verdict::kFail);
  EXPECT_THAT(findings[2].found, HasSubstr("ECC"));
  EXPECT_EQ(findings[3].verdict, Verdict::kWarn);
  EXPECT_EQ(findings[4].verdict, Verdict::kFail);
  for (size_t i = 1; i < findings.size(); ++i) {
    EXPECT_NE(findings[i].advice, "") << findings[i].subject;
  }
}

TEST(StageProbeTest, NoGpuAndOneGpuAreWarnings) {
  nlohmann::json probe = TwoGpus();
  probe["gpus"].erase(1);
  probe.erase("links");
  EXPECT_THAT(FindingsOfProbe(probe.dump())[2].advice,
              HasSubstr("pipeline.stages: 1"));
  probe["gpus"] = nlohmann::json::array();
  const Findings none = FindingsOfProbe(probe.dump());
  ASSERT_EQ(none.size(), 2u);
  EXPECT_EQ(none[1].verdict, Verdict::kWarn);
  EXPECT_THAT(none[1].found, HasSubstr("no GPU"));
}

TEST(StageProbeTest, AnotherAnswerIsQuoted) {
  for (const char* text : {"", "hello", "[]", R"({"schema": 2, "gpus": []})"}) {
    const Findings findings = FindingsOfProbe(text);
    ASSERT_EQ(findings.size(), 1u) << text;
    EXPECT_EQ(findings[0].verdict, Verdict::kFail);
    EXPECT_THAT(findings[0].found, HasSubstr(text));
  }
}

TEST(StageProbeTest, RunsTheProgramAndSkipsItsWarnings) {
  const ScratchFolder scratch;
  const std::string good = scratch.Write(
      "it's stage",
      "#!/bin/sh\n[ \"$1\" = probe ] || exit 9\necho warning >&2\n"
      "echo '{\"schema\":1,\"gpus\":[]}'\n");
  const std::string bad = scratch.Write(
      "bad", "#!/bin/sh\necho libtorch is missing >&2; exit 127\n");
  for (const std::string& path : {good, bad}) {
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }
  EXPECT_EQ(ProbeStage(good).size(), 2u);
  const Findings failed = ProbeStage(bad);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_THAT(failed[0].found, HasSubstr("libtorch is missing"));
  EXPECT_EQ(ProbeStage(scratch / "absent")[0].verdict, Verdict::kFail);
}

}  // namespace
}  // namespace halfpipe
