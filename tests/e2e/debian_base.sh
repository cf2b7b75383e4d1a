# shellcheck shell=bash
# Sourced by tests that need a clean system: each function makes an archive of
# one, and keeps it in the build folder for the next time. They `skip` where
# debootstrap is missing or finds nothing.
#   debian_base  makes $debian_base, Debian 12
#   ubuntu_base  makes $ubuntu_base, Ubuntu 24.04
#   HP_DEBIAN_MIRROR, HP_UBUNTU_MIRROR  where debootstrap finds them (default:
#                                       its own; archive.ubuntu.com)
debian_base="$(realpath "$HP_BIN/..")/docker-base.tar"
ubuntu_base="$(realpath "$HP_BIN/..")/ubuntu-base.tar"

# base_of ARCHIVE NAME VARIABLE SUITE OPTION...: NAME, and VARIABLE with the mirror,
# are for the message where there is none. Where debootstrap has no script for the
# suite, it takes that of all of Ubuntu's.
base_of() {
  local archive="$1" name="$2" variable="$3" suite="$4" folder script=()
  shift 4
  [[ ! -s "$archive" ]] || return 0
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  local scripts="${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}/scripts"
  [[ -e "$scripts/$suite" ]] || script=("$scripts/gutsy")
  folder="$(mktemp -d)"
  debootstrap --variant=minbase "$@" "$suite" "$folder/root" \
    ${!variable:+"${!variable}"} "${script[@]}" >"$folder/log" 2>&1 || {
    tail -n 3 "$folder/log"
    rm -rf "$folder"
    skip "debootstrap found no $name; set $variable"
  }
  tar -C "$folder/root" -cf "$archive.tmp" .
  mv "$archive.tmp" "$archive"
  rm -rf "$folder"
}

debian_base() { base_of "$debian_base" "Debian 12" HP_DEBIAN_MIRROR bookworm; }

# python3-venv is in Ubuntu's universe. Debian 12 has no package of Ubuntu's keys:
# where they are not, what this root holds is not checked, and it is only ever
# used for a test.
ubuntu_base() {
  local options=(--components=main,universe)
  [[ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ]] ||
    options+=(--no-check-gpg)
  : "${HP_UBUNTU_MIRROR:=http://archive.ubuntu.com/ubuntu}"
  base_of "$ubuntu_base" "Ubuntu 24.04" HP_UBUNTU_MIRROR noble "${options[@]}"
}
