# Writes a C++ file of functions that return the bytes of other files:
#   cmake -DOUTPUT=F.cc -DHEADER=path/of/its.h -DNAMESPACE=n
#         -DFILES=Function=path;Function=path -P Embed.cmake
# As bytes, not as a string literal: nothing in them has to be escaped.
set(text "// Made by cmake/Embed.cmake.\n#include \"${HEADER}\"\n\n")
string(APPEND text "namespace ${NAMESPACE} {\n")
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.+)$" parts "${entry}")
  set(function "${CMAKE_MATCH_1}")
  file(READ "${CMAKE_MATCH_2}" bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND text
         "\nabsl::string_view ${function}() {\n"
         "  static constexpr char kBytes[] = {${bytes}};\n"
         "  return {kBytes, sizeof(kBytes)};\n}\n")
endforeach()
string(APPEND text "\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
