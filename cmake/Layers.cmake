# Who may link (and so include) whom. Arrows point down only. hp_check_layer
# fails the configuration on an edge that is not listed here;
# tests/layers checks the #include lines against the same table.
# One row for each folder: common/base has `base`, stage/wan `stage_wan`.
# status, log, digests, atomic files, ids
set(HP_LAYER_base absl crypto)
# which build this is
set(HP_LAYER_build_info absl)
# what a daemon tells systemd
set(HP_LAYER_service base absl)
# connections and descriptors as a budget
set(HP_LAYER_net base absl)
# who may do what, and with which keys
set(HP_LAYER_auth base absl crypto)
# manual pages and usage errors, from a program's own parser
set(HP_LAYER_manual base absl cli11)
# actions and schedules
set(HP_LAYER_pipeline base absl)
# files of weights, LoRAs and checkpoints
set(HP_LAYER_store base absl json)
# data sets, and what a decoder is asked
set(HP_LAYER_data base store absl json utf8proc)
# a registry and the port that shows it
set(HP_LAYER_metrics base net auth absl prometheus microhttpd)
# a Wan model's names and sizes
set(HP_LAYER_model base store absl json)
# job and service YAML
set(HP_LAYER_config base pipeline store model absl yaml)
# a job and its stages in words of ours: what programs say to each other
set(HP_LAYER_jobs base pipeline model absl)
# the planner's arithmetic, which timesteps there are
set(HP_LAYER_plan base config pipeline model absl json)
# the protobuf group: messages, conversions, channels
set(HP_LAYER_rpc base auth pipeline jobs absl grpc)
# the interpreter of actions, and the interfaces where the groups below meet
set(HP_LAYER_stage_runtime base pipeline model jobs absl)
# CUDA's runtime alone, for the torch group and for the link
set(HP_LAYER_stage_gpu base jobs stage_runtime absl cuda)
# the NCCL group
set(HP_LAYER_stage_link base stage_runtime stage_gpu absl cuda nccl)
# the cache of encoded samples, and the decoder's client
set(HP_LAYER_stage_data base data model absl json)
# the curves of a job as files
set(HP_LAYER_stage_curves base config jobs store stage_runtime absl json)
# the torch group, up to stage_job
set(HP_LAYER_stage_kernels base jobs stage_runtime stage_gpu absl torch
    c10_cuda cuda)
set(HP_LAYER_stage_lora base stage_kernels absl torch)
set(HP_LAYER_stage_activations base jobs plan stage_runtime stage_gpu
    stage_kernels absl torch c10_cuda cuda)
set(HP_LAYER_stage_wan base store model config plan stage_runtime stage_kernels
    stage_lora stage_activations absl torch)
# SentencePiece, in a module that stage_encoders loads
set(HP_LAYER_stage_sentencepiece sentencepiece)
set(HP_LAYER_stage_encoders base store model stage_kernels stage_sentencepiece
    absl torch utf8proc)
set(HP_LAYER_stage_train base pipeline jobs store model plan stage_runtime
    stage_gpu stage_kernels stage_lora stage_activations stage_wan absl torch
    c10_cuda)
# what both stage programs do for a job
set(HP_LAYER_stage_job base config pipeline jobs store data model plan
    stage_runtime stage_gpu stage_data stage_kernels stage_lora stage_wan
    stage_encoders stage_train absl torch c10_cuda cuda)
# the stage programs: they meet the groups through stage/runtime's interfaces
# and never see torch and protobuf together
set(HP_LAYER_stage_serve base net build_info service auth manual metrics jobs
    rpc stage_runtime stage_gpu stage_link stage_curves stage_job absl json
    cli11 grpc prometheus)
# SQLite, and the folders of checkpoints
set(HP_LAYER_coordinator_store base config jobs store rpc absl sqlite grpc)
# one job on its pair of stages
set(HP_LAYER_coordinator_run base config pipeline jobs store plan
    coordinator_store absl json)
# all jobs, all stages
set(HP_LAYER_coordinator_schedule base config pipeline jobs store plan metrics
    coordinator_store coordinator_run absl prometheus)
# what a browser is shown
set(HP_LAYER_coordinator_page base auth config pipeline jobs metrics
    coordinator_schedule absl json)
# the services and their ports
set(HP_LAYER_coordinator_api base net auth config jobs metrics rpc
    coordinator_store coordinator_schedule coordinator_page absl grpc json
    httplib cli11 crypto)
# files of LoRAs, in and out
set(HP_LAYER_client_lora base jobs model store absl json)
# a job as it is sent, followed and shown
set(HP_LAYER_client_jobs base auth config jobs data store rpc client_lora absl
    grpc json)
# files that `demo` makes up
set(HP_LAYER_client_demo base store model absl json)
set(HP_LAYER_client_doctor base client_jobs absl json)
# coordinator and stages as children of this process
set(HP_LAYER_client_local base config jobs client_jobs absl)
# what `plan`, `bench` and `trace` work out
set(HP_LAYER_client_report base config pipeline jobs model plan client_jobs
    absl json)
# one file for each command, and their parser
set(HP_LAYER_client_commands base build_info auth manual config pipeline jobs
    model plan client_lora client_jobs client_demo client_doctor client_local
    client_report absl json cli11 grpc)
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
