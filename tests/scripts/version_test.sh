#!/usr/bin/env bash
# cmake/Version.cmake: which version a checkout says that it is.
set -euo pipefail
: "${HP_SOURCE:?}"
# Neither this user's settings (signed tags, hooks) nor a hook's repository.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# expect VERSION COMMIT_PATTERN [-DNAME=VALUE...]
expect() {
  local version="$1" commit="$2" got
  shift 2
  cat >"$scratch/ask.cmake" <<END
include("$HP_SOURCE/cmake/Version.cmake")
hp_read_version("$scratch/tree" version commit)
file(WRITE "$scratch/said" "\${version} \${commit}")
END
  cmake "$@" -P "$scratch/ask.cmake"
  got="$(<"$scratch/said")"
  [[ "$got" =~ ^"$version "$commit$ ]] || {
    echo "FAILED: '$got' is not '$version $commit'" >&2
    exit 1
  }
}

git_() {
  git -C "$scratch/tree" -c user.name=t -c user.email=t@example.org "$@"
}

commit() {
  echo "$1" >>"$scratch/tree/file"
  git_ add -A
  git_ commit -qm "$1"
}

mkdir "$scratch/tree"
echo 'project(halfpipe VERSION 3.4.5 LANGUAGES CXX)' >"$scratch/tree/CMakeLists.txt"
expect 3.4.5 unknown # an archive
expect 9.9.9 abc -DHP_VERSION=9.9.9 -DHP_COMMIT=abc
git_ init -q
commit one
expect 3.4.5-dev.1 '[0-9a-f]{12}'
commit two
git_ tag v3.5.0
expect 3.5.0 '[0-9a-f]{12}'
commit three
git_ tag not-a-version
expect 3.5.0+1 '[0-9a-f]{12}'
echo changed >>"$scratch/tree/file"
expect 3.5.0+1 '[0-9a-f]{12}\+changes'
