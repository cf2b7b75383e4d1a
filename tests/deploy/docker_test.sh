#!/usr/bin/env bash
# The images of deploy/docker/Dockerfile under a Docker engine of its own, brought
# up by compose.cpu.yaml. Root is needed, and nothing of the machine is touched:
# engine, network and processes live in namespaces that end with the test.
#
# The targets `coordinator` and `stage` are built as they are; what they copy
# from the stages `build` and `libtorch` comes from HP_BIN and .deps, since a
# compile takes an hour and libtorch is 3.6 GB. Their base is a Debian of
# debootstrap's, named by its id.
#
#   HP_DOCKER_IMAGES  both images (docker save halfpipe-coordinator
#                     halfpipe-stage) to try instead, built by hand from the
#                     whole Dockerfile
#   HP_DEBIAN_MIRROR where debootstrap finds Debian 12 (default: its own)
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}" "${HP_MODEL:?}"

skip() {
  echo "SKIPPED: $*"
  exit 77
}

PATH="$PATH:/usr/sbin:/sbin"
((EUID == 0)) || skip "Docker's engine needs root"
for tool in dockerd unshare ip tar; do
  command -v "$tool" >/dev/null || skip "$tool is not installed"
done
docker-compose version >/dev/null 2>&1 || docker compose version \
  >/dev/null 2>&1 || skip "docker-compose is not there"

# On the build folder's file system: an engine's layers cannot lie on an overlay,
# which /tmp may be.
work="$(mktemp -d "$(realpath "$HP_BIN/..")/docker-test-XXXXXX")"
hierarchy=/sys/fs/cgroup
[[ -e $hierarchy/cgroup.procs ]] || hierarchy=/sys/fs/cgroup/unified
group="$hierarchy/halfpipe-test-$$"
clean_up() {
  [[ ! -d "$group" ]] || find "$group" -depth -type d -exec rmdir {} +
  rm -rf "$work"
}
trap clean_up EXIT
[[ -e "$hierarchy/cgroup.procs" ]] || skip "there are no version 2 cgroups"
mkdir "$group" 2>/dev/null || skip "$hierarchy is not writable"

# base_image: Debian 12 as $base, kept in the build folder for the next time.
base_image() {
  [[ ! -s "$base" ]] || return 0
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  debootstrap --variant=minbase bookworm "$work/root" \
    ${HP_DEBIAN_MIRROR:+"$HP_DEBIAN_MIRROR"} >"$work/debootstrap.log" 2>&1 || {
    tail -n 3 "$work/debootstrap.log"
    skip "debootstrap found no Debian 12; set HP_DEBIAN_MIRROR"
  }
  tar -C "$work/root" -cf "$base.tmp" .
  mv "$base.tmp" "$base"
  rm -rf "$work/root"
}

# build_context: what the Dockerfile copies from `build` and `libtorch`, and its
# other stages, that copy from there instead.
build_context() {
  local packages=.deps/venv/lib/python3.11/site-packages
  local context="$work/context" folder name
  local torch="$context/opt/torch"
  [[ -d "$HP_SOURCE/$packages/torch/lib" ]] ||
    skip "no libtorch for Debian 12's Python in $HP_SOURCE/.deps"
  # As halfpipe-install-libtorch lays it out; linked where that is possible:
  # these are gigabytes.
  mkdir -p "$torch/torch"
  cp -al "$HP_SOURCE/$packages/torch/lib" "$torch/torch/" ||
    cp -a "$HP_SOURCE/$packages/torch/lib" "$torch/torch/"
  for folder in "$HP_SOURCE/$packages"/nvidia/*/lib; do
    name="$(basename "$(dirname "$folder")")"
    mkdir -p "$torch/nvidia/$name"
    cp -al "$folder" "$torch/nvidia/$name/" ||
      cp -a "$folder" "$torch/nvidia/$name/"
  done
  # Where the machine has a CUDA toolkit, setup has left these wheels out.
  mkdir -p "$torch/nvidia/toolkit/lib"
  ldd "$HP_BIN/halfpipe-stage0" |
    sed -n 's/^[[:space:]]*\(libcu[^ ]*\|libnv[^ ]*\) => \([^ ]*\).*/\2/p' |
    grep -v "/$packages/" |
    xargs -r cp -Lt "$torch/nvidia/toolkit/lib"
  "$HP_SOURCE/scripts/bundle" --with-decode --build "$HP_BIN/.." \
    "$context/opt/halfpipe"
  "$HP_SOURCE/deploy/docker/minimal_root" "$context/opt/halfpipe" \
    "$context/opt/coordinator"
  sed -e '/^FROM base AS build/,/^FROM scratch AS coordinator/{/^FROM scratch/!d}' \
    -e 's/--from=\(build\|libtorch\) //' \
    "$HP_SOURCE/deploy/docker/Dockerfile" >"$context/Dockerfile"
  [[ "$(grep -c '^USER' "$context/Dockerfile")" == 2 ]] || {
    echo "FAILED: the Dockerfile has other stages than this test knows"
    exit 1
  }
}

base="$(realpath "$HP_BIN/..")/docker-base.tar"
if [[ -z "${HP_DOCKER_IMAGES:-}" ]]; then
  base_image
  build_context
fi

export HP_DOCKER_WORK="$work" HP_DOCKER_BASE="$base"
echo $$ >"$group/cgroup.procs"
code=0
unshare --cgroup --mount --net --pid --fork --mount-proc --kill-child \
  --propagation private "$(dirname "$0")/docker_inside.sh" || code=$?
echo $$ >"$hierarchy/cgroup.procs"
exit $code
