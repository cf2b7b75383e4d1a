// The alternatives of CommandBody by their index.
#ifndef HP_COORDINATOR_RUN_COMMAND_KINDS_H_
#define HP_COORDINATOR_RUN_COMMAND_KINDS_H_

#include <array>
#include <cstddef>
#include <type_traits>
#include <variant>

#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// What the commands are called in messages.
inline constexpr std::array<const char*, 9> kCommandNames = {
    "scan", "encode", "open link", "start",   "step",
    "save", "export", "end",       "shutdown"};
static_assert(std::variant_size_v<CommandBody> == kCommandNames.size());

inline constexpr size_t kScanKind = 0;
inline constexpr size_t kEncodeKind = 1;
inline constexpr size_t kStartKind = 3;
inline constexpr size_t kStepKind = 4;
inline constexpr size_t kSaveKind = 5;
inline constexpr size_t kExportKind = 6;
static_assert(std::is_same_v<std::variant_alternative_t<kScanKind, CommandBody>,
                             ScanCommand>);
static_assert(
    std::is_same_v<std::variant_alternative_t<kEncodeKind, CommandBody>,
                   EncodeCommand>);
static_assert(std::is_same_v<std::variant_alternative_t<kSaveKind, CommandBody>,
                             SaveCommand>);
static_assert(
    std::is_same_v<std::variant_alternative_t<kExportKind, CommandBody>,
                   ExportCommand>);
static_assert(
    std::is_same_v<std::variant_alternative_t<kStartKind, CommandBody>,
                   StartCommand>);
static_assert(std::is_same_v<std::variant_alternative_t<kStepKind, CommandBody>,
                             StepCommand>);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_COMMAND_KINDS_H_
