# Read by cpack once for each generator (Packaging.cmake).
include("${CPACK_HP_SOURCE_DIR}/cmake/Version.cmake")
hp_ask_version("${CPACK_HP_PROGRAM}" version commit)
set(CPACK_PACKAGE_VERSION "${version}")

if(CPACK_GENERATOR STREQUAL "DEB")
  # "1.2.0-dev.3" would be a newer one than 1.2.0 to dpkg; '~' makes it older.
  string(REPLACE "-" "~" version "${version}")
  set(CPACK_DEBIAN_PACKAGE_VERSION "${version}")
  include("${CPACK_HP_SOURCE_DIR}/cmake/Maintainer.cmake")
  hp_read_maintainer(CPACK_DEBIAN_PACKAGE_MAINTAINER)
  set(CPACK_DEBIAN_HALFPIPE-STAGE_PACKAGE_DEPENDS
      "halfpipe (= ${version}-${CPACK_DEBIAN_PACKAGE_RELEASE}), python3")
  set(CPACK_SET_DESTDIR ON)
  set(CPACK_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
else()
  # With the libraries it needs and without fixed paths: another way to install.
  set(CPACK_PACKAGE_FILE_NAME "halfpipe-${version}-linux-x86_64")
  set(CPACK_INSTALL_CMAKE_PROJECTS "")
  set(CPACK_COMPONENTS_ALL "")
  set(CPACK_INSTALL_SCRIPTS "${CPACK_HP_SOURCE_DIR}/cmake/PackageTree.cmake")
endif()
