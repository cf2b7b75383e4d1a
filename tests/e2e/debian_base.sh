# shellcheck shell=bash
# Sourced by tests that need a clean Debian 12: `debian_base` makes $debian_base,
# an archive of one, and keeps it in the build folder for the next time.
#   HP_DEBIAN_MIRROR where debootstrap finds Debian 12 (default: its own)
debian_base="$(realpath "$HP_BIN/..")/docker-base.tar"

debian_base() {
  [[ ! -s "$debian_base" ]] || return 0
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  local folder
  folder="$(mktemp -d)"
  debootstrap --variant=minbase bookworm "$folder/root" \
    ${HP_DEBIAN_MIRROR:+"$HP_DEBIAN_MIRROR"} >"$folder/log" 2>&1 || {
    tail -n 3 "$folder/log"
    rm -rf "$folder"
    skip "debootstrap found no Debian 12; set HP_DEBIAN_MIRROR"
  }
  tar -C "$folder/root" -cf "$debian_base.tmp" .
  mv "$debian_base.tmp" "$debian_base"
  rm -rf "$folder"
}
