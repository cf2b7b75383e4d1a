# hp_read_maintainer(OUT): who packs, as Debian's tools ask for it.
function(hp_read_maintainer out)
  set(name "$ENV{DEBFULLNAME}")
  set(address "$ENV{DEBEMAIL}")
  if(NOT name)
    set(name "halfpipe packagers")
  endif()
  if(NOT address)
    set(address root@localhost)  # lintian says that it is nobody's
  endif()
  set(${out} "${name} <${address}>" PARENT_SCOPE)
endfunction()
