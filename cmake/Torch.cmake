# libtorch out of the PyPI wheel that scripts/setup unpacks, as hp_dep_torch.
#
# The wheel's include folder carries protobuf headers older than the system's,
# so it is searched last (-idirafter), and no target may see both (Layers.cmake).
# libtorch_cuda.so is not linked: stage/kernels/cuda_runtime loads it when a
# CUDA device is asked for, so that a CPU-only process neither needs nor maps it.
if(NOT HP_TORCH_DIR)
  file(GLOB candidates
       "${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch")
  list(APPEND candidates "${CMAKE_SOURCE_DIR}/.deps/venv")  # named in the error
  list(GET candidates 0 first)
  set(HP_TORCH_DIR "${first}" CACHE PATH "The unpacked torch wheel")
endif()
if(NOT EXISTS "${HP_TORCH_DIR}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "libtorch not found under '${HP_TORCH_DIR}': run "
                      "scripts/setup, or pass -DHP_TORCH_DIR=.../torch")
endif()

add_library(hp_dep_torch INTERFACE)
target_compile_options(
  hp_dep_torch
  INTERFACE
    "SHELL:-idirafter \"${HP_TORCH_DIR}/include\""
    "SHELL:-idirafter \"${HP_TORCH_DIR}/include/torch/csrc/api/include\"")
target_link_libraries(
  hp_dep_torch INTERFACE "${HP_TORCH_DIR}/lib/libtorch_cpu.so"
                         "${HP_TORCH_DIR}/lib/libc10.so")
# cudart and cupti come from the toolkit or from NVIDIA's wheels beside torch.
target_link_options(
  hp_dep_torch INTERFACE
  "LINKER:-rpath,${HP_TORCH_DIR}/lib"
  "LINKER:-rpath,${HP_TORCH_DIR}/../nvidia/cu13/lib"
  "LINKER:--allow-shlib-undefined" "LINKER:--disable-new-dtags")
