# Third-party libraries, each as one interface target named hp_dep_<name>, so
# that cmake/Layers.cmake can say which of our libraries may see which of them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(OpenSSL REQUIRED)

# hp_dependency(NAME LINK...): declares hp_dep_NAME as a system dependency.
function(hp_dependency name)
  add_library(hp_dep_${name} INTERFACE)
  target_link_libraries(hp_dep_${name} INTERFACE ${ARGN})
endfunction()

hp_dependency(absl absl::status absl::statusor absl::strings absl::str_format
              absl::time absl::synchronization absl::flat_hash_map
              absl::flat_hash_set absl::span absl::hash absl::cleanup
              Threads::Threads)
hp_dependency(crypto OpenSSL::Crypto)

pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp)
hp_dependency(yaml PkgConfig::YAMLCPP)
hp_dependency(json)  # nlohmann-json: headers only, in the default path
hp_dependency(cli11)  # headers only
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
hp_dependency(sqlite PkgConfig::SQLITE3)
pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec
                  libavfilter libavutil libswscale)
hp_dependency(ffmpeg PkgConfig::FFMPEG)
pkg_check_modules(HEIF REQUIRED IMPORTED_TARGET libheif>=1.15)
hp_dependency(heif PkgConfig::HEIF)
pkg_check_modules(WEBPDEMUX REQUIRED IMPORTED_TARGET libwebpdemux)
hp_dependency(webp PkgConfig::WEBPDEMUX)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
hp_dependency(seccomp PkgConfig::SECCOMP)
find_package(prometheus-cpp CONFIG REQUIRED)
# Its flags decide the layout of its classes: they must be the library's.
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
hp_dependency(prometheus prometheus-cpp::core)
hp_dependency(httplib PkgConfig::HTTPLIB OpenSSL::SSL Threads::Threads)
hp_dependency(microhttpd PkgConfig::MICROHTTPD)
# What draws the page's curves becomes part of the coordinator.
find_file(HP_DYGRAPH_JS dygraph.min.js PATHS /usr/share/javascript/dygraphs
          NO_DEFAULT_PATH)
if(NOT HP_DYGRAPH_JS)
  message(FATAL_ERROR "dygraph.min.js is not there: run scripts/setup, or "
                      "install libjs-dygraphs, or pass -DHP_DYGRAPH_JS=FILE")
endif()
find_package(Protobuf REQUIRED)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)
find_program(HP_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
hp_dependency(grpc PkgConfig::GRPCPP grpc++_reflection protobuf::libprotobuf)

# NFC for captions and for names of files; small, unlike ICU and its 30 MB of
# data.
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
hp_dependency(utf8proc PkgConfig::UTF8PROC)

if(HP_WITH_TORCH)
  include(Torch)
  # Its pkg-config file also names the trainer, which nothing here needs.
  find_library(HP_SENTENCEPIECE sentencepiece REQUIRED)
  hp_dependency(sentencepiece ${HP_SENTENCEPIECE})
endif()
if(HP_WITH_CUDA)
  include(Cuda)
endif()
