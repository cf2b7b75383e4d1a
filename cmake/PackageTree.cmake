# Run by cpack for the tarball: scripts/bundle into the staging folder, and what
# a service needs beside it.
set(source "${CPACK_HP_SOURCE_DIR}")
set(tree "${CMAKE_INSTALL_PREFIX}")
include("${source}/cmake/Version.cmake")
hp_ask_version("${CPACK_HP_PROGRAM}" version commit)

execute_process(
  COMMAND "${source}/scripts/bundle" --with-decode
          --build "${CPACK_HP_BINARY_DIR}" "${tree}"
  COMMAND_ERROR_IS_FATAL ANY)
# The units as for /opt/halfpipe, where docs/install.md unpacks it.
file(GLOB units "${source}/deploy/systemd/*")
foreach(file ${units})
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(REPLACE "=/usr/bin/" "=/opt/halfpipe/bin/" text "${text}")
  file(WRITE "${tree}/share/systemd/${name}" "${text}")
endforeach()
file(COPY "${source}/deploy/libtorch/halfpipe-install-libtorch"
     DESTINATION "${tree}/bin")
file(COPY "${source}/deploy/libtorch/libtorch.txt" "${source}/proto"
     DESTINATION "${tree}/share/halfpipe")
file(GLOB pages "${source}/docs/*.md" "${source}/docs/*.svg")
file(COPY ${pages} "${source}/README.md" "${source}/CHANGELOG.md"
     "${source}/LICENSE" DESTINATION "${tree}/share/doc/halfpipe")
execute_process(
  COMMAND "${source}/scripts/make_sbom" --name halfpipe --version "${version}"
          --commit "${commit}" --tree "${tree}"
          --wheels "${source}/deploy/libtorch/libtorch.txt"
          --header-only libcli11-dev nlohmann-json3-dev
          --out "${tree}/share/doc/halfpipe/sbom.cdx.json"
  COMMAND_ERROR_IS_FATAL ANY)
