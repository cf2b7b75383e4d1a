# What `cmake --install` puts where, and the packages that `cpack` makes of it:
#   halfpipe_VERSION_amd64.deb         client, coordinator, unit, settings
#   halfpipe-stage_VERSION_amd64.deb   stages, decoder, unit; libtorch is fetched
#   halfpipe-VERSION-linux-x86_64.tar.gz   all of it, relocatable (scripts/bundle)
# Only in a build of everything.
if(NOT HP_WITH_TORCH OR NOT HP_WITH_CUDA)
  return()
endif()
set(deploy "${CMAKE_SOURCE_DIR}/deploy")

# --- halfpipe
install(TARGETS halfpipe halfpipe-coordinator RUNTIME COMPONENT halfpipe)
install(FILES "${deploy}/systemd/halfpipe-coordinator.service"
        DESTINATION /lib/systemd/system COMPONENT halfpipe)
install(FILES "${deploy}/systemd/halfpipe.sysusers" RENAME halfpipe.conf
        DESTINATION lib/sysusers.d COMPONENT halfpipe)
install(FILES "${deploy}/systemd/halfpipe.tmpfiles" RENAME halfpipe.conf
        DESTINATION lib/tmpfiles.d COMPONENT halfpipe)
install(FILES "${deploy}/systemd/service.yaml" DESTINATION /etc/halfpipe
        COMPONENT halfpipe)
file(GLOB man_pages "${CMAKE_SOURCE_DIR}/docs/man/*.1")
foreach(page ${man_pages})
  get_filename_component(name "${page}" NAME)
  set(component halfpipe)
  if(name MATCHES "^halfpipe-(stage|decode)")
    set(component halfpipe-stage)
  endif()
  install(CODE "execute_process(COMMAND gzip -9nc \"${page}\" OUTPUT_FILE
    \"${CMAKE_CURRENT_BINARY_DIR}/${name}.gz\" COMMAND_ERROR_IS_FATAL ANY)"
          COMPONENT ${component})
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${name}.gz"
          DESTINATION share/man/man1 COMPONENT ${component})
endforeach()
file(GLOB pages "${CMAKE_SOURCE_DIR}/docs/*.md"
     "${CMAKE_SOURCE_DIR}/docs/*.svg")
install(FILES ${pages} "${CMAKE_SOURCE_DIR}/README.md"
        DESTINATION share/doc/halfpipe COMPONENT halfpipe)
install(DIRECTORY "${CMAKE_SOURCE_DIR}/proto" DESTINATION share/halfpipe
        COMPONENT halfpipe)
foreach(folder prometheus grafana)
  if(EXISTS "${deploy}/${folder}")
    install(DIRECTORY "${deploy}/${folder}" DESTINATION share/halfpipe
            COMPONENT halfpipe)
  endif()
endforeach()

# --- halfpipe-stage: the programs behind wrappers that find libtorch
install(PROGRAMS "$<TARGET_FILE:halfpipe-stage0>"
                 "$<TARGET_FILE:halfpipe-stage1>"
                 "$<TARGET_FILE:halfpipe-decode>"
        DESTINATION lib/halfpipe COMPONENT halfpipe-stage)
install(FILES "$<TARGET_FILE:halfpipe-sentencepiece>"
        DESTINATION lib/halfpipe COMPONENT halfpipe-stage)
foreach(rank 0 1)
  set(wrapper "${CMAKE_CURRENT_BINARY_DIR}/halfpipe-stage${rank}.sh")
  file(CONFIGURE OUTPUT "${wrapper}" @ONLY CONTENT [=[
#!/bin/sh
. /usr/lib/halfpipe/env.sh
exec /usr/lib/halfpipe/halfpipe-stage@rank@ "$@"
]=])
  install(PROGRAMS "${wrapper}" RENAME halfpipe-stage${rank}
          DESTINATION bin COMPONENT halfpipe-stage)
endforeach()
install(FILES "${deploy}/libtorch/env.sh" DESTINATION lib/halfpipe
        COMPONENT halfpipe-stage)
install(PROGRAMS "${deploy}/libtorch/halfpipe-install-libtorch"
        DESTINATION sbin COMPONENT halfpipe-stage)
install(FILES "${deploy}/libtorch/libtorch.txt" DESTINATION share/halfpipe
        COMPONENT halfpipe-stage)
install(FILES "${deploy}/systemd/halfpipe-stage@.service"
        DESTINATION /lib/systemd/system COMPONENT halfpipe-stage)
install(FILES "${deploy}/systemd/stage.env" DESTINATION /etc/halfpipe
        COMPONENT halfpipe-stage)
# The build's own libtorch is no place to look for one.
foreach(program halfpipe-stage0 halfpipe-stage1 halfpipe-decode
                libhalfpipe-sentencepiece.so)
  set(file "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/halfpipe/${program}")
  install(CODE "
    execute_process(COMMAND patchelf --remove-rpath \"${file}\"
                    COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND strip --strip-unneeded \"${file}\"
                    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT halfpipe-stage)
endforeach()

# --- licence, changelog, bill of materials
foreach(component halfpipe halfpipe-stage)
  install(FILES "${deploy}/debian/copyright"
          DESTINATION share/doc/${component} COMPONENT ${component})
  install(CODE "
    set(HP_COMPONENT ${component})
    set(HP_SOURCE_DIR \"${CMAKE_SOURCE_DIR}\")
    set(HP_PROGRAM \"${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/halfpipe\")
    include(\"${CMAKE_SOURCE_DIR}/cmake/PackageDocs.cmake\")"
          COMPONENT ${component})
endforeach()

# --- cpack
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_PACKAGE_NAME halfpipe)
set(CPACK_PACKAGE_VENDOR halfpipe)
set(CPACK_PACKAGE_CONTACT "halfpipe packagers")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/packages")
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_SOURCE_DIR}/cmake/PackageConfig.cmake")
set(CPACK_COMPONENTS_ALL halfpipe halfpipe-stage)
# For PackageConfig.cmake, which cpack reads once a generator.
set(CPACK_HP_SOURCE_DIR "${CMAKE_SOURCE_DIR}")
set(CPACK_HP_BINARY_DIR "${CMAKE_BINARY_DIR}")
set(CPACK_HP_PROGRAM "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/halfpipe")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# libtorch's and NVIDIA's libraries are no Debian package.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${HP_TORCH_DIR}/lib")
foreach(library "${HP_CUDART}" "${HP_NCCL}")
  get_filename_component(folder "${library}" DIRECTORY)
  list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${folder}")
endforeach()

set(CPACK_DEBIAN_HALFPIPE_PACKAGE_NAME halfpipe)
set(CPACK_DEBIAN_HALFPIPE_PACKAGE_SECTION science)
set(CPACK_DEBIAN_HALFPIPE_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_COMPONENT_HALFPIPE_DESCRIPTION
    "LoRA fine-tuning of Wan video models on two GPUs: service and client
Command line and coordinator: job queue, data order, checkpoints. The
processes that hold the GPUs are in halfpipe-stage, on this machine or others.")
set(CPACK_DEBIAN_HALFPIPE-STAGE_PACKAGE_NAME halfpipe-stage)
set(CPACK_DEBIAN_HALFPIPE-STAGE_PACKAGE_SECTION science)
set(CPACK_DEBIAN_HALFPIPE-STAGE_PACKAGE_RECOMMENDS "python3-pip")
set(CPACK_COMPONENT_HALFPIPE-STAGE_DESCRIPTION
    "LoRA fine-tuning of Wan video models on two GPUs: GPU processes
The two stage processes, each of which holds a GPU and half of a model, and the
decoder of clips. libtorch and NVIDIA's libraries are not in it:
halfpipe-install-libtorch fetches them into a folder of their own.")
set(scripts "${deploy}/debian")
set(CPACK_DEBIAN_HALFPIPE_PACKAGE_CONTROL_EXTRA
    "${scripts}/halfpipe/conffiles;${scripts}/halfpipe/postinst"
    "${scripts}/halfpipe/prerm;${scripts}/halfpipe/postrm")
set(scripts "${scripts}/halfpipe-stage")
set(CPACK_DEBIAN_HALFPIPE-STAGE_PACKAGE_CONTROL_EXTRA
    "${scripts}/conffiles;${scripts}/postinst;${scripts}/prerm"
    "${scripts}/postrm")
include(CPack)
