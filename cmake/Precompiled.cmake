# Precompiled headers, batches of sources (unity builds) and optimisation levels:
# what a build from nothing costs (docs/decisions/0082-build-time.md).
#
# Each precompiled header is compiled once for a build and shared by all targets
# of a kind. A target's kind follows from the dependencies it names, so that it
# sees nothing that its row of cmake/Layers.cmake forbids:
#   torch    ATen, Abseil and the standard library
#   grpc     gRPC, Abseil and the standard library
#   command  CLI11, JSON, Abseil and the standard library
#   base     Abseil and the standard library
# Tests take torch_test or base_test, which have GoogleTest too. What includes
# too little is found where there is none: preset fuzz, scripts/check tidy.
option(HP_PCH "Use precompiled headers" ON)
# One compiler run for several sources. What these hide must have a name of its own in
# its library, which tests/layers/check_unity.py checks.
option(HP_UNITY "Compile the sources of each library in batches" OFF)
set(HP_UNITY_BATCH 8)

# hp_build_library(TARGET DEPS...), hp_build_test(TARGET DEPS...): with what
# follows from the dependencies. hp_kind_of(OUT DEPS...): the kind.
function(hp_kind_of out)
  set(kind base)
  if("torch" IN_LIST ARGN)
    set(kind torch)
  elseif("grpc" IN_LIST ARGN)
    set(kind grpc)
  elseif("cli11" IN_LIST ARGN AND "json" IN_LIST ARGN)
    set(kind command)
  endif()
  set(${out} ${kind} PARENT_SCOPE)
endfunction()

# hp_set_effort(TARGET KIND): how long the compiler may search. Nothing waits for
# tests, nor for a process's own loops where no tensor, pixel or weight passes;
# what computes keeps the -O3 of CMake's Release.
function(hp_set_effort target kind)
  if(HP_SANITIZE)  # has a level of its own
    return()
  endif()
  if(kind MATCHES "_test$")
    set(level -O1)
  elseif(kind MATCHES "^(grpc|command)$")
    set(level -O2)
  else()
    return()
  endif()
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:${level}>)
endfunction()

# hp_make_pch(KIND LINK... HEADERS...): the target hp_pch_KIND to reuse from.
function(hp_make_pch kind)
  cmake_parse_arguments(arg "" "" "LINK;HEADERS" ${ARGN})
  set(source "${CMAKE_BINARY_DIR}/pch/${kind}.cc")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "")
  endif()
  add_library(hp_pch_${kind} OBJECT EXCLUDE_FROM_ALL "${source}")
  target_link_libraries(hp_pch_${kind} PRIVATE hp_dep_absl hp_warnings
                                               ${arg_LINK})
  hp_set_effort(hp_pch_${kind} ${kind})
  target_precompile_headers(
    hp_pch_${kind} PRIVATE
    <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/time/time.h>
    <absl/synchronization/mutex.h> <absl/types/span.h> <algorithm> <cstdint>
    <functional> <map> <memory> <optional> <ostream> <string> <utility>
    <variant> <vector> ${arg_HEADERS})
endfunction()

# hp_use_pch(TARGET KIND): nothing where there is no header of this kind.
function(hp_use_pch target kind)
  if(TARGET hp_pch_${kind})
    target_precompile_headers(${target} REUSE_FROM hp_pch_${kind})
    # The header was compiled with -fPIC; executables default to -fPIE.
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# hp_build_as(TARGET KIND): what this file decides of any target.
function(hp_build_as target kind)
  hp_set_effort(${target} ${kind})
  hp_use_pch(${target} ${kind})
endfunction()

function(hp_build_library target)
  hp_kind_of(kind ${ARGN})
  hp_build_as(${target} ${kind})
  if(HP_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON
                          UNITY_BUILD_BATCH_SIZE ${HP_UNITY_BATCH})
  endif()
endfunction()

# Tests are no batches: each is written as if it were alone.
function(hp_build_test target)
  hp_kind_of(kind ${ARGN})
  if(NOT kind STREQUAL "torch")
    set(kind base)
  endif()
  hp_build_as(${target} ${kind}_test)
endfunction()

if(NOT HP_PCH)
  return()
endif()
hp_make_pch(base)
hp_make_pch(grpc LINK hp_dep_grpc HEADERS <grpcpp/grpcpp.h>)
hp_make_pch(command LINK hp_dep_cli11 hp_dep_json
            HEADERS <CLI/CLI.hpp> <nlohmann/json.hpp>)
if(HP_WITH_TORCH)
  hp_make_pch(torch LINK hp_dep_torch HEADERS <ATen/ATen.h>)
endif()
if(HP_WITH_TESTS)
  set(test_headers <gmock/gmock.h> <gtest/gtest.h>)
  hp_make_pch(base_test LINK GTest::gmock HEADERS ${test_headers})
  if(HP_WITH_TORCH)
    hp_make_pch(torch_test LINK hp_dep_torch GTest::gmock
                HEADERS <ATen/ATen.h> ${test_headers})
  endif()
endif()
