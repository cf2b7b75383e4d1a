# CUDA runtime and NCCL headers, as hp_dep_cuda and hp_dep_nccl: from the CUDA
# toolkit where there is one, else from NVIDIA's wheels. Exactly one libnccl may
# be loaded: the wheel's, which libtorch's own run path finds.
file(GLOB wheel_root "${HP_TORCH_DIR}/../nvidia")
# The wheels come first: scripts/setup adds them only where no toolkit 13 is.
find_path(HP_CUDA_INCLUDE cuda_runtime_api.h
          HINTS "${wheel_root}/cu13/include" "$ENV{CUDA_HOME}/include"
                /usr/local/cuda/include REQUIRED)
find_library(HP_CUDART NAMES libcudart.so.13
             HINTS "${wheel_root}/cu13/lib" "$ENV{CUDA_HOME}/lib64"
                   /usr/local/cuda/lib64 /usr/local/cuda/lib REQUIRED)
find_path(HP_NCCL_INCLUDE nccl.h HINTS "${wheel_root}/nccl/include"
          /usr/local/cuda/include REQUIRED NO_DEFAULT_PATH)
find_library(HP_NCCL libnccl.so.2 HINTS "${wheel_root}/nccl/lib" REQUIRED
             NO_DEFAULT_PATH)

add_library(hp_dep_cuda INTERFACE)
target_include_directories(hp_dep_cuda SYSTEM INTERFACE "${HP_CUDA_INCLUDE}")
if(EXISTS "${HP_CUDA_INCLUDE}/cccl")  # where toolkit 13 keeps <nv/target>
  target_include_directories(hp_dep_cuda SYSTEM
                             INTERFACE "${HP_CUDA_INCLUDE}/cccl")
endif()
target_link_libraries(hp_dep_cuda INTERFACE "${HP_CUDART}")
add_library(hp_dep_nccl INTERFACE)
target_include_directories(hp_dep_nccl SYSTEM INTERFACE "${HP_NCCL_INCLUDE}")
target_link_libraries(hp_dep_nccl INTERFACE "${HP_NCCL}" hp_dep_cuda)
get_filename_component(nccl_dir "${HP_NCCL}" DIRECTORY)
target_link_options(hp_dep_nccl INTERFACE "LINKER:-rpath,${nccl_dir}")
# The CUDA side of libtorch that a target may call directly (streams, memory).
if(HP_WITH_TORCH)
  add_library(hp_dep_c10_cuda INTERFACE)
  target_link_libraries(hp_dep_c10_cuda INTERFACE hp_dep_torch hp_dep_cuda
                        "${HP_TORCH_DIR}/lib/libc10_cuda.so")
endif()

# Our own kernels. nvcc is called directly, not through CMake's CUDA language:
# that would link a test program against a whole toolkit, which NVIDIA's wheels
# are not. The .cu files see no torch header, so a file takes seconds.
find_program(HP_NVCC nvcc HINTS "${wheel_root}/cu13/bin" "$ENV{CUDA_HOME}/bin"
             /usr/local/cuda/bin REQUIRED)
execute_process(COMMAND "${HP_NVCC}" --version OUTPUT_VARIABLE nvcc_version)
if(NOT nvcc_version MATCHES "release 13\\.")
  message(FATAL_ERROR "'${HP_NVCC}' is not of CUDA 13, as libtorch is: run "
                      "scripts/setup, or pass -DHP_NVCC=.../nvcc")
endif()
set(HP_CUDA_ARCHITECTURES "80;86;89;90;100;120" CACHE STRING
    "Compute capabilities to compile kernels for, without the dot, or 'native'")

# hp_cuda_code(OUT): nvcc's flags for each architecture and, for later cards, as
# PTX of the last one. 'native' is what this machine's cards are; without a card,
# PTX alone, which any card's driver compiles when the program first runs there.
function(hp_cuda_code out)
  set(architectures ${HP_CUDA_ARCHITECTURES})
  set(last 80)
  if(architectures STREQUAL "native")
    set(found)
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap
                            --format=csv,noheader
                    OUTPUT_VARIABLE found ERROR_QUIET RESULT_VARIABLE code)
    set(architectures)
    if(code STREQUAL "0")
      string(REGEX MATCHALL "[0-9]+\\.[0-9]" architectures "${found}")
      string(REPLACE "." "" architectures "${architectures}")
      list(REMOVE_DUPLICATES architectures)
      list(SORT architectures COMPARE NATURAL)
    endif()
    message(STATUS "CUDA kernels for this machine: ${architectures} and PTX")
  endif()
  set(flags)
  foreach(arch ${architectures})
    list(APPEND flags "-gencode=arch=compute_${arch},code=sm_${arch}")
    set(last ${arch})
  endforeach()
  list(APPEND flags "-gencode=arch=compute_${last},code=compute_${last}")
  set(${out} ${flags} PARENT_SCOPE)
endfunction()

# hp_cuda_sources(TARGET SRCS...): compiles the .cu files into the target.
function(hp_cuda_sources target)
  set(flags -std=c++17 -O3 --compress-mode=size -ccbin "${CMAKE_CXX_COMPILER}"
      -Xcompiler=-fPIC,-Wall,-Wextra,-Wshadow "-I${CMAKE_SOURCE_DIR}"
      "-isystem=${HP_CUDA_INCLUDE}")
  if(EXISTS "${HP_CUDA_INCLUDE}/cccl")
    list(APPEND flags "-isystem=${HP_CUDA_INCLUDE}/cccl")
  endif()
  if(HP_WARNINGS_AS_ERRORS)
    list(APPEND flags -Werror=all-warnings)
  endif()
  hp_cuda_code(code)
  list(APPEND flags ${code})
  foreach(source ${ARGN})
    set(object "${CMAKE_CURRENT_BINARY_DIR}/${source}.o")
    get_filename_component(folder "${object}" DIRECTORY)
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
      OUTPUT "${object}"
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} "${HP_NVCC}" ${flags}
              -MD -MF "${object}.d" -c "${CMAKE_CURRENT_SOURCE_DIR}/${source}"
              -o "${object}"
      DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${source}"
      DEPFILE "${object}.d"
      COMMENT "Building CUDA object ${source}.o"
      VERBATIM)
    target_sources(${target} PRIVATE "${object}")
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON
                                                       GENERATED ON)
  endforeach()
endfunction()
