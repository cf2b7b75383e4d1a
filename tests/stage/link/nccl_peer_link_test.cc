// Two processes, two GPUs. The second process is this program again.
#include "stage/link/nccl_peer_link.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"

namespace halfpipe {
namespace {

constexpr char kRendezvousVariable[] = "HALFPIPE_TEST_RENDEZVOUS";
constexpr char kDigestVariable[] = "HALFPIPE_TEST_DIGEST";
constexpr size_t kBytes = size_t{32} << 20;

int DeviceCount() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

// Device memory filled with one byte value.
class DeviceBytes {
 public:
  explicit DeviceBytes(int value) {
    EXPECT_EQ(cudaMalloc(&data_, kBytes), cudaSuccess);
    EXPECT_EQ(cudaMemset(data_, value, kBytes), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }

  ~DeviceBytes() { cudaFree(data_); }

  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;

  BufferView view() const {
    return {data_, kBytes, DType::kU8, {static_cast<int64_t>(kBytes)}};
  }

  // Whether every byte has the value.
  bool Holds(int value) const {
    std::vector<unsigned char> host(kBytes);
    EXPECT_EQ(cudaMemcpy(host.data(), data_, kBytes, cudaMemcpyDeviceToHost),
              cudaSuccess);
    return host == std::vector<unsigned char>(
                       kBytes, static_cast<unsigned char>(value));
  }

 private:
  void* data_ = nullptr;
};

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

absl::StatusOr<std::unique_ptr<PeerLink>> Join(int rank,
                                               const std::string& rendezvous,
                                               const std::string& digest) {
  LinkOptions options;
  options.rank = Rank(rank);
  options.peer = Rank(rank == 0 ? 1 : 0);
  options.device = rank;
  options.epoch = Epoch(1);
  options.rendezvous = rendezvous;
  options.boundary_digest = digest;
  options.max_ctas = 4;
  return CreateNcclPeerLink(options);
}

// Starts rank 1 as a process of its own: fork alone is unsafe behind CUDA.
class PeerProcess {
 public:
  PeerProcess(const std::string& test, const std::string& rendezvous,
              const std::string& digest) {
    const std::string filter =
        "--gtest_filter=NcclPeerProcess.DISABLED_" + test;
    setenv(kRendezvousVariable, absl::BytesToHexString(rendezvous).c_str(), 1);
    setenv(kDigestVariable, digest.c_str(), 1);
    pid_ = fork();
    if (pid_ == 0) {
      execl("/proc/self/exe", "peer", filter.c_str(),
            "--gtest_also_run_disabled_tests", nullptr);
      _exit(127);
    }
  }

  ~PeerProcess() {
    Kill();
    Wait();
  }

  void Kill() {
    if (pid_ > 0) kill(pid_, SIGKILL);
  }

  // The exit status, or -1 when it was killed.
  int Wait() {
    if (pid_ <= 0) return -1;
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

absl::StatusOr<std::unique_ptr<PeerLink>> JoinAsPeer() {
  return Join(1, absl::HexStringToBytes(std::getenv(kRendezvousVariable)),
              std::getenv(kDigestVariable));
}

// What rank 1 does, started by PeerProcess only.
TEST(NcclPeerProcess, DISABLED_Echo) {
  auto link = JoinAsPeer();
  ASSERT_TRUE(link.ok()) << link.status();
  DeviceBytes received(0);
  DeviceBytes own(9);
  for (int round = 0; round < 3; ++round) {
    const auto arrived = (*link)->Receive({received.view()}, nullptr);
    ASSERT_TRUE(arrived.ok()) << arrived.status();
    ASSERT_TRUE((*link)->Send({received.view()}, arrived->done).ok());
  }
  ASSERT_TRUE((*link)->Exchange({own.view()}, {received.view()}, nullptr).ok());
  ASSERT_TRUE((*link)->Flush(Soon()).ok());
  EXPECT_TRUE(received.Holds(7));
  absl::SleepFor(absl::Seconds(1));
}

TEST(NcclPeerProcess, DISABLED_JoinAndWait) {
  auto link = JoinAsPeer();
  ASSERT_TRUE(link.ok()) << link.status();
  absl::SleepFor(absl::Seconds(120));
}

TEST(NcclPeerProcess, DISABLED_JoinOnly) {
  EXPECT_TRUE(absl::IsFailedPrecondition(JoinAsPeer().status()));
}

class NcclPeerLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (DeviceCount() < 2) GTEST_SKIP() << "needs two GPUs";
    rendezvous_ = MakeNcclRendezvous().value();
  }

  std::string rendezvous_;
};

TEST_F(NcclPeerLinkTest, BytesTravelBothWaysAndAreTimed) {
  PeerProcess peer("Echo", rendezvous_, "ab");
  auto link = Join(0, rendezvous_, "ab");
  ASSERT_TRUE(link.ok()) << link.status();
  const int64_t before = (*link)->bytes_sent();
  DeviceBytes sent(5);
  DeviceBytes received(0);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE((*link)->Send({sent.view()}, nullptr).ok());
    const auto arrived = (*link)->Receive({received.view()}, nullptr);
    ASSERT_TRUE(arrived.ok());
    ASSERT_TRUE(arrived->done->WaitOnHost(Soon()).ok());
    EXPECT_GT(arrived->done->SecondsSince(*arrived->started).value(), 0.0);
  }
  EXPECT_TRUE(received.Holds(5));
  DeviceBytes own(7);
  ASSERT_TRUE((*link)->Exchange({own.view()}, {received.view()}, nullptr).ok());
  ASSERT_TRUE((*link)->Flush(Soon()).ok());
  EXPECT_TRUE(received.Holds(9));
  EXPECT_EQ((*link)->bytes_sent() - before, static_cast<int64_t>(4 * kBytes));
  EXPECT_EQ(peer.Wait(), 0);
}

TEST_F(NcclPeerLinkTest, AKilledPeerEndsTheWait) {
  PeerProcess peer("JoinAndWait", rendezvous_, "ab");
  auto link = Join(0, rendezvous_, "ab");
  ASSERT_TRUE(link.ok()) << link.status();
  DeviceBytes received(0);
  const auto arrived = (*link)->Receive({received.view()}, nullptr);
  ASSERT_TRUE(arrived.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      (*link)->Flush(absl::Now() + absl::Milliseconds(200))));
  peer.Kill();
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(absl::IsAborted((*link)->Flush(begin + absl::Seconds(30))));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(12));
  EXPECT_TRUE(absl::IsAborted(arrived->done->WaitOnHost(Soon())));
  EXPECT_TRUE(
      absl::IsAborted((*link)->Receive({received.view()}, nullptr).status()));
  // The device itself is unharmed.
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_TRUE(DeviceBytes(3).Holds(3));
}

TEST_F(NcclPeerLinkTest, AnAbortOfAnotherThreadEndsTheWait) {
  PeerProcess peer("JoinAndWait", rendezvous_, "ab");
  auto link = Join(0, rendezvous_, "ab");
  ASSERT_TRUE(link.ok()) << link.status();
  DeviceBytes received(0);
  ASSERT_TRUE((*link)->Receive({received.view()}, nullptr).ok());
  std::thread aborter([&] {
    absl::SleepFor(absl::Milliseconds(100));
    (*link)->Abort(absl::CancelledError("abandoned"));
  });
  const absl::Time begin = absl::Now();
  EXPECT_EQ((*link)->Flush(begin + absl::Seconds(30)),
            absl::AbortedError("abandoned"));
  aborter.join();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(12));
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(NcclPeerLinkTest, ADifferentBoundaryIsRefused) {
  PeerProcess peer("JoinOnly", rendezvous_, "cd");
  EXPECT_TRUE(absl::IsFailedPrecondition(Join(0, rendezvous_, "ab").status()));
  EXPECT_EQ(peer.Wait(), 0);
}

}  // namespace
}  // namespace halfpipe
