# cmake -DSOURCE_DIR=... -DOUT=... -DHP_BUILT_...=... -P WriteBuildInfo.cmake
# Run by every build; writes OUT only where something has changed.
include("${CMAKE_CURRENT_LIST_DIR}/Version.cmake")
hp_read_version("${SOURCE_DIR}" HP_READ_VERSION HP_READ_COMMIT)
configure_file("${SOURCE_DIR}/common/build_info/build_info_values.h.in"
               "${OUT}" @ONLY)
