#!/usr/bin/env bash
# scripts/release_images with engines that are scripts and no registry: which
# digest it writes and builds with, and what it refuses.
set -euo pipefail
: "${HP_SOURCE:?}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

mkdir -p "$scratch/tree/scripts" "$scratch/tree/deploy/docker" "$scratch/system"
cp "$HP_SOURCE"/scripts/{release_images,shell.sh} "$scratch/tree/scripts/"
file="$scratch/tree/deploy/docker/base_image.env"
for tool in bash basename cat cut date dirname head mv sed; do
  ln -s "$(command -v $tool)" "$scratch/system/$tool"
done

# engine NAME: a script of that name, alone beside the system's tools. It answers
# with $scratch/digest, as often as that is there, and writes down what it is
# asked. "plain" is a docker without buildx.
engine() {
  rm -rf "$scratch/engine"
  mkdir "$scratch/engine"
  local program="${1/plain/docker}"
  cat >"$scratch/engine/$program" <<END
#!$(command -v bash)
echo "$program \$*" >>"$scratch/asked"
case "$1 \$*" in
  "plain buildx"*) exit 1 ;;
  *" build "* | *" pull "* | *"buildx version"*) exit ;;
  # Of an image that has another name as well.
  "plain image inspect"*)
    echo "registry.example.org/base@sha256:other"
    printf docker.io/library/debian@
    ;;
esac
cat "$scratch/digest"
END
  chmod 755 "$scratch/engine/$program"
  rm -f "$scratch/asked"
}

# release OPTION...: its exit code; what it says is in $scratch/said.
release() {
  local code=0
  PATH="$scratch/engine:$scratch/system" "$scratch/tree/scripts/release_images" \
    "$@" >"$scratch/said" 2>&1 || code=$?
  return $code
}

digit() { printf "sha256:$1%.0s" 0 && printf "$1%.0s" {2..64}; }

# Each engine is asked in its own words, and what it says is written.
n=0
for name in docker skopeo podman plain; do
  n=$((n + 1))
  digit $n >"$scratch/digest"
  engine $name
  release --resolve || fail "$name: $(<"$scratch/said")"
  [[ "$(sed -n 2p "$file")" == \
    "BASE_IMAGE=docker.io/library/debian@$(digit $n)" ]] ||
    fail "$name: $(<"$file")"
  grep -q "debian:bookworm-slim on 2[0-9-]*, written by" "$file" ||
    fail "$name: not when: $(<"$file")"
  grep -q 'docker.io/library/debian:bookworm-slim' "$scratch/asked" ||
    fail "$name was asked for something else: $(<"$scratch/asked")"
  ! grep -q ' build ' "$scratch/asked" || fail "$name: --resolve builds"
done

# refused WHAT PATTERN OPTION...: it fails, says why, builds nothing and leaves
# the file, and nothing beside it.
refused() {
  local what="$1" pattern="$2"
  shift 2
  cp "$file" "$scratch/before"
  rm -f "$scratch/asked"
  ! release "$@" || fail "$what is taken"
  grep -q "$pattern" "$scratch/said" || fail "$what: $(<"$scratch/said")"
  cmp -s "$file" "$scratch/before" || fail "$what: the file changed"
  [[ "$(ls "${file%/*}")" == base_image.env ]] || fail "$what leaves files"
  ! grep -qs ' build ' "$scratch/asked" || fail "$what: it builds"
}

engine docker
rm "$scratch/digest"
refused "a registry that does not answer" 'could not be resolved'
for bad in "" latest "sha256:12" "$(digit 1)0" "sha256:$(printf 'G%.0s' {1..64})" \
  "$(digit 1) $(digit 2)"; do
  echo "$bad" >"$scratch/digest"
  refused "the digest '$bad'" 'is no digest of'
done
rm -rf "$scratch/engine"
refused "no engine" 'docker, skopeo or podman must be installed'
engine docker
refused "an option that is none" "unknown option" --push
refused "both options" "not both" --resolve --build

# What it builds with.
digit 7 >"$scratch/digest"
for name in docker podman; do
  engine $name
  release || fail "$name: $(<"$scratch/said")"
  for target in coordinator stage; do
    grep -q -- "$name build .*--target $target --build-arg BASE_IMAGE=docker.io/library/debian@$(digit 7) .*-t halfpipe-$target \.\$" \
      "$scratch/asked" || fail "$name does not build $target: $(<"$scratch/asked")"
  done
done
# --build asks nobody.
rm "$scratch/digest" "$scratch/asked"
release --build || fail "--build: $(<"$scratch/said")"
[[ "$(grep -c ' build ' "$scratch/asked")" == "$(grep -c . "$scratch/asked")" ]] ||
  fail "--build asks: $(<"$scratch/asked")"
for bad in debian:bookworm-slim "debian:bookworm-slim@sha256:12" "$(digit 1)" ""; do
  echo "BASE_IMAGE=$bad" >"$file"
  refused "the base '$bad'" 'not NAME@sha256:HEX' --build
done
rm "$file"
! release --build || fail "a missing file is no matter"
grep -q -- '--resolve' "$scratch/said" || fail "missing: $(<"$scratch/said")"
