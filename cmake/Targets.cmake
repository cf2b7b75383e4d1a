# halfpipe_library(NAME SRCS... DEPS... PRIVATE_DEPS...): a static library
# hp_NAME of one layer. What PRIVATE_DEPS bring (torch, protobuf) is linked but
# not seen by those who use the library.
# halfpipe_test(NAME SRCS... DEPS... LABELS...): one gtest binary, one ctest, with
# tests/support/test_main.cc as its main().
# hp_test_again(NAME SUFFIX ENVIRONMENT...): the binary once more, as the ctest
# NAME_SUFFIX, with these variables.
# A dependency is a name of ours (hp_NAME) or of cmake/Dependencies.cmake
# (hp_dep_NAME), written without its prefix.

function(hp_resolve_deps out)
  set(result)
  foreach(dep ${ARGN})
    if(TARGET hp_dep_${dep})
      list(APPEND result hp_dep_${dep})
    else()
      list(APPEND result hp_${dep})
    endif()
  endforeach()
  set(${out} ${result} PARENT_SCOPE)
endfunction()

function(hp_apply_common target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE hp_warnings)
endfunction()

function(halfpipe_library name)
  cmake_parse_arguments(arg "" "LAYER" "SRCS;DEPS;PRIVATE_DEPS"
                        ${ARGN})
  if(NOT arg_LAYER)
    set(arg_LAYER ${name})
  endif()
  set(own_deps ${arg_DEPS} ${arg_PRIVATE_DEPS})
  list(REMOVE_ITEM own_deps ${name})
  hp_check_layer(${arg_LAYER} ${own_deps})
  add_library(hp_${name} STATIC ${arg_SRCS})
  hp_apply_common(hp_${name})
  hp_resolve_deps(deps ${arg_DEPS})
  target_link_libraries(hp_${name} PUBLIC ${deps})
  hp_resolve_deps(private_deps ${arg_PRIVATE_DEPS})
  target_link_libraries(hp_${name} PRIVATE ${private_deps})
  hp_build_library(hp_${name} ${own_deps})
endfunction()

# Tells a thread-sanitized program of the locks and hand-overs of Abseil and
# gRPC, which it does not see.
function(hp_use_tsan target)
  if(HP_SANITIZE STREQUAL "thread" AND HP_WITH_TESTS)
    target_link_libraries(${target} PRIVATE hp_tsan)
  endif()
endfunction()

# A test's seconds: a sanitizer makes it many times slower.
function(hp_test_timeout variable seconds)
  if(HP_SANITIZE)
    math(EXPR seconds "8 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
endfunction()

function(halfpipe_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SRCS})
  hp_apply_common(${name})
  hp_resolve_deps(deps ${arg_DEPS})
  target_link_libraries(${name} PRIVATE hp_test_main ${deps} hp_base
                                        GTest::gmock GTest::gtest)
  hp_use_tsan(${name})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                           "${CMAKE_BINARY_DIR}/tests")
  hp_build_test(${name} ${arg_DEPS})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  hp_test_timeout(arg_TIMEOUT ${arg_TIMEOUT})
  add_test(NAME ${name} COMMAND ${name}
           WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT
                                          ${arg_TIMEOUT})
endfunction()

# hp_test_with_other_arithmetic(NAME): as NAME_..., with what other CPUs compute
# with: ATen's code for fewer instructions, MKL's for another maker's CPU.
function(hp_test_with_other_arithmetic name)
  hp_test_again(${name} aten_default ATEN_CPU_CAPABILITY=default)
  hp_test_again(${name} aten_avx2 ATEN_CPU_CAPABILITY=avx2)
  if(NOT HP_SANITIZE)  # whose own library must be the first one
    hp_test_again(${name} other_cpu ATEN_CPU_CAPABILITY=avx2
                  "LD_PRELOAD=$<TARGET_FILE_NAME:hp_other_cpu>")
    # By its name: LD_PRELOAD is a list that blanks divide.
    set_property(
      TEST ${name}_other_cpu
      PROPERTY ENVIRONMENT_MODIFICATION
      "LD_LIBRARY_PATH=path_list_prepend:$<TARGET_FILE_DIR:hp_other_cpu>")
  endif()
endfunction()

function(hp_test_again name suffix)
  add_test(NAME ${name}_${suffix} COMMAND ${name}
           WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  hp_test_timeout(seconds 120)
  set_tests_properties(${name}_${suffix} PROPERTIES LABELS unit TIMEOUT
                       ${seconds} ENVIRONMENT "${ARGN}")
endfunction()
