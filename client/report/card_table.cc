#include "client/report/card_table.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/nearest.h"

namespace halfpipe {
namespace {

constexpr double kTera = 1e12;
constexpr double kGiga = 1e9;
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
// What the driver takes of a card's memory before anybody else can: CUDA
// reports 79.2 of an A100's 80 GiB, and 23.6 of an RTX 4090's 24.
constexpr double kUsableMemory = 0.98;
constexpr double kLeftByEcc = 15.0 / 16.0;
constexpr size_t kNamesInMessage = 3;

struct ReachedPart {
  double matmul, fp8, attention_forward, attention_backward, elementwise, pcie;
};

const Card& H200() {
  static const Card* const card = new Card(FindCard("h200").value());
  return *card;
}

// What an H200 reached in running blocks, of its data sheet.
const ReachedPart& ReachedParts() {
  static const ReachedPart* const parts = [] {
    const DeviceRates& reached = MeasuredH200();
    const double bf16 = H200().bf16_tflops * kTera;
    return new ReachedPart{
        reached.matmul_flops_per_second / bf16,
        reached.fp8_matmul_flops_per_second / (H200().fp8_tflops * kTera),
        reached.attention_forward_flops_per_second / bf16,
        reached.attention_backward_flops_per_second / bf16,
        reached.elementwise_bytes_per_second /
            (H200().memory_gb_per_second * kGiga),
        reached.host_to_device_bytes_per_second /
            H200().pcie.bytes_per_second()};
  }();
  return *parts;
}

// "NVIDIA GeForce RTX 4060 Ti 16 GB" -> "rtx4060ti16gb".
std::string Plain(absl::string_view name) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(name),
      {{"nvidia", ""}, {"geforce", ""}, {" ", ""}, {"-", ""}, {"_", ""}});
}

std::string NearestCards(const std::string& plain) {
  std::vector<std::pair<size_t, std::string>> cards;
  for (const Card& card : CardTable()) {
    const std::string id = Plain(card.id);
    const bool begins = !plain.empty() && absl::StartsWith(id, plain);
    cards.emplace_back(begins ? 0 : EditDistance(plain, id), card.id);
  }
  std::stable_sort(
      cards.begin(), cards.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < kNamesInMessage; ++i) names.push_back(cards[i].second);
  return absl::StrJoin(names, ", ");
}

DeviceRates RatesOfCard(const Card& card, const PcieLink& pcie) {
  const ReachedPart& part = ReachedParts();
  DeviceRates rates;
  rates.name = card.name;
  const double bf16 = card.bf16_tflops * kTera;
  rates.matmul_flops_per_second = part.matmul * bf16;
  rates.fp8_matmul_flops_per_second = part.fp8 * card.fp8_tflops * kTera;
  rates.attention_forward_flops_per_second = part.attention_forward * bf16;
  rates.attention_backward_flops_per_second = part.attention_backward * bf16;
  rates.elementwise_bytes_per_second =
      part.elementwise * card.memory_gb_per_second * kGiga;
  rates.host_to_device_bytes_per_second = part.pcie * pcie.bytes_per_second();
  rates.device_to_host_bytes_per_second = rates.host_to_device_bytes_per_second;
  const double memory =
      card.memory_gib * kGiB * (card.ecc_takes_part ? kLeftByEcc : 1.0);
  rates.total_bytes = static_cast<int64_t>(memory);
  rates.free_bytes = static_cast<int64_t>(memory * kUsableMemory);
  rates.fixed_bytes = MeasuredH200().fixed_bytes;
  return rates;
}

}  // namespace

double PcieLink::bytes_per_second() const {
  // Giga transfers a second of a lane, by generation.
  constexpr double kTransfers[] = {0.0, 2.5, 5.0, 8.0, 16.0, 32.0, 64.0};
  const double code = generation <= 2 ? 8.0 / 10.0 : 128.0 / 130.0;
  return kTransfers[generation] * kGiga * code * lanes / 8.0;
}

absl::StatusOr<PcieLink> ParsePcie(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, 'x');
  PcieLink link;
  constexpr int kLanes[] = {1, 2, 4, 8, 16};
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &link.generation) ||
      !absl::SimpleAtoi(parts[1], &link.lanes) || link.generation < 1 ||
      link.generation > 6 ||
      std::find(std::begin(kLanes), std::end(kLanes), link.lanes) ==
          std::end(kLanes)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected a PCIe generation and lanes, such as 4x8, found '", text,
        "'"));
  }
  return link;
}

const std::vector<Card>& CardTable() {
  // Memory in GB of the sheet, which counts 2^30; GB/s; dense tensor TFLOP/s
  // with float32 sums, bf16 and fp8. Where a sheet has figures "with sparsity"
  // alone, half of them. GeForce cards add in float32 at half the rate of their
  // tensor cores' headline figure.
  //
  // Sources, all NVIDIA's:
  //   [a] "NVIDIA Ampere GA102 GPU Architecture", V2, tables of GeForce
  //       RTX 30 and RTX A6000; RTX 3060 (GA106) worked out as those are:
  //       112 tensor cores * 128 operations * 1.777 GHz.
  //   [b] "NVIDIA Ada GPU Architecture", V2, appendix A (4080, 4090); the
  //       others worked out as those are, tensor cores * 128 * boost clock of
  //       the product page: 4060 Ti 136 * 2.535 GHz, 4070 184 * 2.475,
  //       4070 Ti Super 264 * 2.610, 4080 Super 320 * 2.550.
  //   [c] "NVIDIA RTX Blackwell GPU Architecture", V1.1, appendix (5070 to
  //       5090); 5060 Ti worked out: 144 tensor cores * 128 * 2.572 GHz.
  //   [d] data sheets "NVIDIA RTX A4000", "A5000", "A6000": tensor performance
  //       with sparsity 153.4, 222.2, 309.7.
  //   [e] data sheet "NVIDIA RTX 6000 Ada": 1457 fp8 with sparsity.
  //   [f] "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": 752 tensor cores
  //       * 256 * 2.617 GHz, as the white paper [c] counts its workstation
  //       cards.
  //   [g] data sheets "NVIDIA L4", "L40S", "A10", "A40" (with sparsity where
  //       starred there).
  //   [h] data sheets "NVIDIA A100", "H100" and "H200" (SXM unless said).
  constexpr PcieLink k4{4, 16};
  constexpr PcieLink k4x8{4, 8};
  constexpr PcieLink k5{5, 16};
  constexpr PcieLink k5x8{5, 8};
  static const auto* const table = new std::vector<Card>{
      {"rtx3060-12gb", "GeForce RTX 3060 12GB", 12, false, 360, 25.5, 0, k4,
       false},                                                            // [a]
      {"rtx3090", "GeForce RTX 3090", 24, false, 936, 71, 0, k4, false},  // [a]
      {"rtx4060ti-16gb", "GeForce RTX 4060 Ti 16GB", 16, false, 288, 44.1, 88.2,
       k4x8, false},  // [b]
      {"rtx4070", "GeForce RTX 4070", 12, false, 504, 58.3, 116.6, k4,
       false},  // [b]
      {"rtx4070tisuper", "GeForce RTX 4070 Ti Super", 16, false, 672, 88.2,
       176.4, k4, false},  // [b]
      {"rtx4080", "GeForce RTX 4080", 16, false, 716.8, 97.5, 194.9, k4,
       false},  // [b]
      {"rtx4080super", "GeForce RTX 4080 Super", 16, false, 736.3, 104.4, 208.9,
       k4, false},  // [b]
      {"rtx4090", "GeForce RTX 4090", 24, false, 1008, 165.2, 330.3, k4,
       false},  // [b]
      {"rtx5060ti-16gb", "GeForce RTX 5060 Ti 16GB", 16, false, 448, 47.4, 94.8,
       k5x8, false},  // [c]
      {"rtx5070", "GeForce RTX 5070", 12, false, 672, 61.7, 123.5, k5,
       false},  // [c]
      {"rtx5070ti", "GeForce RTX 5070 Ti", 16, false, 896, 87.9, 175.8, k5,
       false},  // [c]
      {"rtx5080", "GeForce RTX 5080", 16, false, 960, 112.6, 225.1, k5,
       false},  // [c]
      {"rtx5090", "GeForce RTX 5090", 32, false, 1792, 209.5, 419, k5,
       false},                                                         // [c]
      {"rtxa4000", "RTX A4000", 16, false, 448, 76.7, 0, k4, false},   // [d]
      {"rtxa5000", "RTX A5000", 24, false, 768, 111.1, 0, k4, false},  // [d]
      {"rtxa6000", "RTX A6000", 48, false, 768, 154.8, 0, k4, false},  // [d]
      {"rtx6000ada", "RTX 6000 Ada", 48, false, 960, 364.2, 728.5, k4,
       false},  // [e]
      {"rtxpro6000", "RTX PRO 6000 Blackwell", 96, false, 1792, 503.8, 1007.6,
       k5, false},                                                        // [f]
      {"l4", "L4", 24, true, 300, 121, 242.5, k4, false},                 // [g]
      {"l40s", "L40S", 48, true, 864, 362, 733, k4, false},               // [g]
      {"a10", "A10", 24, true, 600, 125, 0, k4, false},                   // [g]
      {"a40", "A40", 48, true, 696, 149.7, 0, k4, false},                 // [g]
      {"a100-40gb", "A100 40GB", 40, false, 1555, 312, 0, k4, true},      // [h]
      {"a100-80gb", "A100 80GB", 80, false, 2039, 312, 0, k4, true},      // [h]
      {"h100", "H100", 80, false, 3350, 989, 1979, k5, true},             // [h]
      {"h100-pcie", "H100 PCIe", 80, false, 2000, 756, 1513, k5, false},  // [h]
      {"h200", "H200", 141, false, 4800, 989, 1979, k5, true},            // [h]
  };
  return *table;
}

absl::StatusOr<Card> FindCard(absl::string_view name) {
  const std::string plain = Plain(name);
  for (const Card& card : CardTable()) {
    const std::string id = Plain(card.id);
    if (plain == id || plain == Plain(card.name) ||
        absl::StrCat("rtx", plain) == id) {
      return card;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "'", name, "' is not in the table of cards; the nearest are ",
      NearestCards(plain),
      " (docs/memory.md has them all). For another card give its rates: "
      "--rates FILE"));
}

std::vector<DeviceRates> RatesOfCards(const std::vector<Card>& cards,
                                      const std::vector<PcieLink>& pcie) {
  const bool nvlink =
      cards.size() > 1 && std::all_of(cards.begin(), cards.end(),
                                      [](const Card& c) { return c.nvlink; });
  std::vector<DeviceRates> devices;
  for (size_t i = 0; i < cards.size(); ++i) {
    const PcieLink link = pcie.empty()       ? cards[i].pcie
                          : pcie.size() == 1 ? pcie.front()
                                             : pcie[i];
    devices.push_back(RatesOfCard(cards[i], link));
  }
  // Through the host, a transfer is as fast as the slower of its two links.
  double slowest = MeasuredH200().link_bytes_per_second;
  for (const DeviceRates& device : devices) {
    slowest = std::min(slowest, device.host_to_device_bytes_per_second);
  }
  for (DeviceRates& device : devices) {
    device.link_uses_pcie = !nvlink;
    device.link_bytes_per_second =
        nvlink ? MeasuredH200().link_bytes_per_second : slowest;
  }
  return devices;
}

std::string AssumedPartsText() {
  const ReachedPart& part = ReachedParts();
  return absl::StrFormat(
      "products %.0f %%, fp8 %.0f %%, attention %.0f and %.0f %%, memory "
      "%.0f %%, PCIe %.0f %%",
      part.matmul * 100, part.fp8 * 100, part.attention_forward * 100,
      part.attention_backward * 100, part.elementwise * 100, part.pcie * 100);
}

}  // namespace halfpipe
