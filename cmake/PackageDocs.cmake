# Run by `cmake --install` for each component (Packaging.cmake): the documents
# that are made and not copied. HP_COMPONENT, HP_SOURCE_DIR and HP_PROGRAM, a
# program of the build, are set.
include("${HP_SOURCE_DIR}/cmake/Maintainer.cmake")
hp_read_maintainer(maintainer)
include("${HP_SOURCE_DIR}/cmake/Version.cmake")
hp_ask_version("${HP_PROGRAM}" version commit)
set(tree "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(doc "${tree}/share/doc/${HP_COMPONENT}")

# compress(FILE): as Debian wants it, without a time.
function(compress file)
  execute_process(COMMAND gzip -9nf "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

configure_file("${HP_SOURCE_DIR}/CHANGELOG.md" "${doc}/changelog" COPYONLY)
compress("${doc}/changelog")

# The commit's time, so that the same commit gives the same package.
hp_git("${HP_SOURCE_DIR}" date log -1 "--format=%cd" --date=rfc)
if(NOT date)
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
string(REPLACE "-" "~" debian_version "${version}")
file(WRITE "${doc}/changelog.Debian" "\
halfpipe (${debian_version}-1) unstable; urgency=medium

  * Built from commit ${commit}; changelog.gz says what is new.

 -- ${maintainer}  ${date}
")
compress("${doc}/changelog.Debian")

# dygraphs is compiled into the coordinator as headers are.
set(arguments --header-only libcli11-dev nlohmann-json3-dev libjs-dygraphs)
if(HP_COMPONENT STREQUAL "halfpipe-stage")
  set(arguments --wheels "${HP_SOURCE_DIR}/deploy/libtorch/libtorch.txt"
                --header-only libcli11-dev nlohmann-json3-dev)
endif()
execute_process(
  COMMAND "${HP_SOURCE_DIR}/scripts/make_sbom" --name "${HP_COMPONENT}"
          --version "${version}" --commit "${commit}" --tree "${tree}"
          --out "${doc}/sbom.cdx.json" ${arguments}
  COMMAND_ERROR_IS_FATAL ANY)
