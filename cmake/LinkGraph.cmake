# hp_write_link_graph(FILE): what is linked into what, for tests/layers/house.py
# and scripts/house. Called after the last add_subdirectory. A line a target, its
# fields parted by tabs, the names within a field by commas:
#   name, type, folders of its sources, what it links or loads, what of that its
#   users see too
# tests/ and bench/ are left out. "# complete" says that no program is missing.

# Every target of FOLDER and of those below it.
function(hp_targets_below out folder)
  get_property(found DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  get_property(subfolders DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  foreach(subfolder ${subfolders})
    if(NOT subfolder STREQUAL "${CMAKE_SOURCE_DIR}/tests"
       AND NOT subfolder STREQUAL "${CMAKE_SOURCE_DIR}/bench")
      hp_targets_below(below "${subfolder}")
      list(APPEND found ${below})
    endif()
  endforeach()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# The folders of its sources, or its own where all of them are generated.
function(hp_source_folders out target)
  get_property(own TARGET ${target} PROPERTY SOURCE_DIR)
  get_property(sources TARGET ${target} PROPERTY SOURCES)
  set(folders)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${own}" NORMALIZE)
    cmake_path(IS_PREFIX CMAKE_BINARY_DIR "${source}" generated)
    cmake_path(IS_PREFIX CMAKE_SOURCE_DIR "${source}" inside)
    if(inside AND NOT generated)
      cmake_path(GET source PARENT_PATH folder)
      list(APPEND folders "${folder}")
    endif()
  endforeach()
  if(NOT folders)
    set(folders "${own}")
  endif()
  set(names)
  foreach(folder ${folders})
    file(RELATIVE_PATH name "${CMAKE_SOURCE_DIR}" "${folder}")
    if(NOT name)
      set(name ".")
    endif()
    if(NOT name IN_LIST names)
      list(APPEND names "${name}")
    endif()
  endforeach()
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

# Our targets among the values of the properties. $<LINK_ONLY:...>, what a
# library links and does not show, is none.
function(hp_own_names out target)
  set(names)
  foreach(property ${ARGN})
    get_property(values TARGET ${target} PROPERTY ${property})
    foreach(value ${values})
      if(value MATCHES "^(hp_|halfpipe)[A-Za-z0-9_-]*$"
         AND NOT value IN_LIST names)
        list(APPEND names "${value}")
      endif()
    endforeach()
  endforeach()
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

function(hp_write_link_graph file)
  set(text "# written by cmake/LinkGraph.cmake\n")
  if(HP_WITH_TORCH AND HP_WITH_CUDA)
    string(APPEND text "# complete\n")
  endif()
  hp_targets_below(targets "${CMAKE_SOURCE_DIR}")
  foreach(target ${targets})
    get_property(type TARGET ${target} PROPERTY TYPE)
    if(type STREQUAL "UTILITY")
      continue()
    endif()
    hp_source_folders(folders ${target})
    hp_own_names(links ${target} LINK_LIBRARIES INTERFACE_LINK_LIBRARIES
                 MANUALLY_ADDED_DEPENDENCIES)
    hp_own_names(public_links ${target} INTERFACE_LINK_LIBRARIES)
    string(REPLACE ";" "," line
           "${target}\t${type}\t${folders}\t${links}\t${public_links}")
    string(APPEND text "${line}\n")
  endforeach()
  file(WRITE "${file}" "${text}")
endfunction()
