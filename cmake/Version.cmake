# hp_read_version(SOURCE_DIR VERSION_OUT COMMIT_OUT): which version the sources
# are, from git:
#   tag v1.2.0 is checked out          1.2.0
#   five commits after it              1.2.0+5
#   no tag in the history, 245 commits X.Y.Z-dev.245, X.Y.Z being project()'s
#   no git                             X.Y.Z, commit "unknown"
# HP_VERSION and HP_COMMIT, where set, are taken as they are: for who builds from
# an archive.
function(hp_read_version source_dir version_out commit_out)
  set(version "${HP_VERSION}")
  set(commit "${HP_COMMIT}")
  if(NOT version)
    file(STRINGS "${source_dir}/CMakeLists.txt" project
         REGEX "^project\\(halfpipe VERSION ")
    string(REGEX REPLACE ".*VERSION ([0-9.]+).*" "\\1" version "${project}")
    hp_git("${source_dir}" described describe --tags --match "v[0-9]*" --long)
    hp_git("${source_dir}" count rev-list --count HEAD)
    if(described MATCHES "^v(.*)-([0-9]+)-g[0-9a-f]+$")
      set(version "${CMAKE_MATCH_1}")
      if(CMAKE_MATCH_2 GREATER 0)
        string(APPEND version "+${CMAKE_MATCH_2}")
      endif()
    elseif(count)
      string(APPEND version "-dev.${count}")
    endif()
  endif()
  if(NOT commit)
    hp_git("${source_dir}" commit rev-parse --short=12 HEAD)
    hp_git("${source_dir}" changed status --porcelain --untracked-files=no)
    if(NOT commit)
      set(commit unknown)
    elseif(changed)
      string(APPEND commit "+changes")
    endif()
  endif()
  set(${version_out} "${version}" PARENT_SCOPE)
  set(${commit_out} "${commit}" PARENT_SCOPE)
endfunction()

# hp_ask_version(PROGRAM VERSION_OUT COMMIT_OUT): which version a built program
# says that it is: what is packed is named by that, whatever is checked out now.
function(hp_ask_version program version_out commit_out)
  execute_process(COMMAND "${program}" --version OUTPUT_VARIABLE said
                  COMMAND_ERROR_IS_FATAL ANY)
  if(NOT said MATCHES "^[a-z-]+ ([^\n]+)\ncommit ([^,]+),")
    message(FATAL_ERROR "'${program} --version' says '${said}'")
  endif()
  set(${version_out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  set(${commit_out} "${CMAKE_MATCH_2}" PARENT_SCOPE)
endfunction()

# hp_git(DIR OUT ARGS...): what git says; empty where it is no checkout of ours.
function(hp_git dir out)
  set(${out} "" PARENT_SCOPE)
  if(NOT EXISTS "${dir}/.git")  # not some repository further up
    return()
  endif()
  execute_process(COMMAND git -C "${dir}" ${ARGN} OUTPUT_VARIABLE said
                  ERROR_QUIET RESULT_VARIABLE failed
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed)
    set(${out} "${said}" PARENT_SCOPE)
  endif()
endfunction()

# hp_read_built_with(TORCH_OUT CUDA_OUT NCCL_OUT): what the headers and the wheel
# say that this build uses; "none" for what it leaves out.
function(hp_read_built_with torch_out cuda_out nccl_out)
  set(torch none)
  set(cuda none)
  set(nccl none)
  if(HP_WITH_TORCH AND EXISTS "${HP_TORCH_DIR}/version.py")
    file(STRINGS "${HP_TORCH_DIR}/version.py" line REGEX "^__version__")
    string(REGEX REPLACE ".*'(.*)'.*" "\\1" torch "${line}")
  endif()
  if(HP_WITH_CUDA)
    file(STRINGS "${HP_CUDA_INCLUDE}/cuda_runtime_api.h" line
         REGEX "define CUDART_VERSION ")
    string(REGEX REPLACE ".*CUDART_VERSION +([0-9]+).*" "\\1" number "${line}")
    math(EXPR major "${number} / 1000")
    math(EXPR minor "${number} % 1000 / 10")
    set(cuda "${major}.${minor}")
    set(nccl "")
    foreach(part MAJOR MINOR PATCH)
      file(STRINGS "${HP_NCCL_INCLUDE}/nccl.h" line
           REGEX "define NCCL_${part} ")
      string(REGEX REPLACE ".*NCCL_${part} +([0-9]+).*" "\\1" number "${line}")
      list(APPEND nccl "${number}")
    endforeach()
    list(JOIN nccl "." nccl)
  endif()
  set(${torch_out} "${torch}" PARENT_SCOPE)
  set(${cuda_out} "${cuda}" PARENT_SCOPE)
  set(${nccl_out} "${nccl}" PARENT_SCOPE)
endfunction()
