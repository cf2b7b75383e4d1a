// Graphics cards by name, for a plan before anybody has one: what their data
// sheets say, and how much of that training reaches.
#ifndef HP_CLIENT_REPORT_CARD_TABLE_H_
#define HP_CLIENT_REPORT_CARD_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/plan/rates.h"

namespace halfpipe {

// A PCI Express link: "4x8" is generation 4 with 8 lanes.
struct PcieLink {
  int generation = 0;
  int lanes = 0;

  // One way, by the standard: 8b/10b up to generation 2, 128b/130b from 3 on.
  [[nodiscard]] double bytes_per_second() const;
};

// InvalidArgument: another text; generations 1 to 6, lanes 1, 2, 4, 8 or 16.
[[nodiscard]] absl::StatusOr<PcieLink> ParsePcie(absl::string_view text);

// One card. All rates are those of the data sheet.
struct Card {
  const char* id;    // "rtx4090": what a person types
  const char* name;  // "GeForce RTX 4090"
  double memory_gib;
  bool ecc_takes_part;  // a sixteenth, unless the owner switches ECC off
  double memory_gb_per_second;
  double bf16_tflops;  // dense, float32 sums
  double fp8_tflops;   // the same; 0: the card has none
  PcieLink pcie;
  bool nvlink;  // reaches its neighbours over NVLink
};

[[nodiscard]] const std::vector<Card>& CardTable();

// By id or name, in any case, with or without "NVIDIA", "GeForce", blanks and
// dashes. InvalidArgument: not in the table; the message has the nearest names.
[[nodiscard]] absl::StatusOr<Card> FindCard(absl::string_view name);

// What a job would see of these cards, one a stage. Each rate is the same part
// of its data sheet's figure that an H200 reached in training (MeasuredH200,
// bench/README.md): an assumption. `pcie`: one link a card, or one for all;
// empty: the cards' own.
[[nodiscard]] std::vector<DeviceRates> RatesOfCards(
    const std::vector<Card>& cards, const std::vector<PcieLink>& pcie);

// "products 75 %, fp8 74 %, ...": those parts, for people.
[[nodiscard]] std::string AssumedPartsText();

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_CARD_TABLE_H_
