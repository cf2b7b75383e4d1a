# Language level, warnings and output folders that every target of ours shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(HP_CCACHE ccache)
if(HP_CCACHE)
  # The sloppiness lets ccache serve targets that use a precompiled header; the
  # base folder lets another checkout of the same sources use the same entries.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${HP_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(hp_warnings INTERFACE)
target_compile_options(
  hp_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion
                            -Wno-sign-conversion -Wnon-virtual-dtor>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${HP_WARNINGS_AS_ERRORS}>>:-Werror>)

set(HP_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
if(HP_SANITIZE)
  # Over the build type's -O2: quicker to compile, and its stacks are whole. The
  # containers' own checks find what stays inside an allocation.
  add_compile_options(-fsanitize=${HP_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=undefined -O1 -g1)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=${HP_SANITIZE})
endif()
