// The two published spellings of a Wan DiT's tensor names: native (the
// original release, DiffSynth, ComfyUI) and diffusers. Pure string rules.
// Source: diffusers' scripts/convert_wan_to_diffusers.py.
#ifndef HP_COMMON_STORE_WAN_NAMES_H_
#define HP_COMMON_STORE_WAN_NAMES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Both take a tensor ("blocks.0.attn1.to_q.weight") or a module
// ("blocks.0.attn1.to_q"); what follows the module (".weight", ".bias", ...) is
// kept. nullopt for a name that the other spelling does not have. Note that
// the affine norm is norm3 in native names and norm2 in diffusers': a name is
// only ever meaningful together with its spelling.
[[nodiscard]] std::optional<std::string> DiffusersToNative(
    absl::string_view name);
[[nodiscard]] std::optional<std::string> NativeToDiffusers(
    absl::string_view name);

// "blocks_0_self_attn_q" -> "blocks.0.self_attn.q": undoes the replacement of
// dots in a module name of either spelling, by the words of Wan that hold an
// underscore.
[[nodiscard]] std::string UnflattenNative(absl::string_view flattened);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_WAN_NAMES_H_
