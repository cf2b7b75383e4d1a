# Who may link (and so include) whom. Arrows point down only. hp_check_layer
# fails the configuration on an edge that is not listed here;
# tests/layers checks the #include lines against the same table.
set(HP_LAYER_base absl crypto)
# which build this is
set(HP_LAYER_build_info absl)
# what a daemon tells systemd
set(HP_LAYER_service base absl)
# connections and descriptors as a budget
set(HP_LAYER_net base absl)
# who may do what, and with which keys
set(HP_LAYER_auth base absl crypto)
# manual pages and completion, from a program's own parser
set(HP_LAYER_manual base absl cli11)
# a job names schedules and LoRA formats by the types that have them
set(HP_LAYER_config base pipeline store absl yaml)
set(HP_LAYER_pipeline base absl json)
set(HP_LAYER_runtime base pipeline absl)
set(HP_LAYER_store base absl json)
set(HP_LAYER_data base store absl json utf8proc)
set(HP_LAYER_metrics base net auth absl crypto prometheus httplib microhttpd)
# CUDA's runtime alone, for the torch group and for the link
set(HP_LAYER_gpu base runtime absl cuda)
# a Wan model's names and sizes, which plans are made with
set(HP_LAYER_wan_shapes base store absl json)
# the planner's arithmetic: the client and the coordinator predict with it too
set(HP_LAYER_memory_plan base config pipeline wan_shapes absl json)
# which timesteps there are, and what they weigh
set(HP_LAYER_flow base config absl)
# the torch group
set(HP_LAYER_kernels base runtime gpu absl torch c10_cuda cuda)
set(HP_LAYER_lora base store kernels absl torch json)
set(HP_LAYER_memory base runtime memory_plan kernels lora gpu absl torch c10_cuda
    cuda)
set(HP_LAYER_wan base config store kernels lora memory_plan memory wan_shapes
    runtime absl torch json)
set(HP_LAYER_encoders base store kernels absl torch sentencepiece utf8proc)
set(HP_LAYER_train base store pipeline runtime flow kernels lora memory_plan memory
    wan_shapes wan gpu absl torch c10_cuda)
# what both stage programs are made of
set(HP_LAYER_stage base config pipeline runtime store data gpu kernels lora
    memory_plan memory wan_shapes wan encoders flow train absl torch c10_cuda cuda)
# the NCCL group
set(HP_LAYER_link base runtime gpu absl cuda nccl)
# the protobuf group
set(HP_LAYER_rpc base auth config pipeline runtime absl grpc)
# the processes: main() and what only one of them does. They meet the groups
# through runtime's interfaces; a process library never sees torch and protobuf
# together, which is why each stage is made of several.
set(HP_LAYER_stage_process base net build_info service auth manual runtime stage gpu link
    rpc metrics absl json cli11)
set(HP_LAYER_coordinator base net build_info service auth manual config pipeline
    memory_plan flow runtime store data metrics rpc absl sqlite grpc json httplib cli11)
set(HP_LAYER_client base build_info auth manual config pipeline memory_plan
    wan_shapes store data rpc metrics
    absl grpc json cli11)
set(HP_LAYER_decode base data absl ffmpeg heif webp seccomp)

# hp_check_layer(NAME DEPS...): FATAL_ERROR on a dependency NAME may not have.
function(hp_check_layer name)
  if(NOT DEFINED HP_LAYER_${name})
    message(FATAL_ERROR "cmake/Layers.cmake has no row for '${name}'")
  endif()
  foreach(dep ${ARGN})
    if(NOT dep IN_LIST HP_LAYER_${name})
      message(FATAL_ERROR "layer violation: '${name}' may not use '${dep}' "
                          "(allowed: ${HP_LAYER_${name}})")
    endif()
  endforeach()
endfunction()
