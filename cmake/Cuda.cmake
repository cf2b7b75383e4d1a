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
