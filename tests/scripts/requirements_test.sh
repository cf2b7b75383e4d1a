#!/usr/bin/env bash
# scripts/lock and scripts/setup with small wheels of our own and no network: each
# line gets the hashes of its wheels, and setup takes no other file and no line
# without a hash.
set -euo pipefail
: "${HP_SOURCE:?}"
# In /tmp whatever TMPDIR says: PIP_FIND_LINKS ends at a blank.
scratch="$(mktemp -d /tmp/halfpipe-lists-XXXXXX)"
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

tree="$scratch/tree"
mkdir -p "$tree/scripts" "$tree/deploy/libtorch" "$scratch/wheels"
cp "$HP_SOURCE"/scripts/{lock,setup,shell.sh} "$tree/scripts/"

# wheel NAME VERSION TAG CONTENT
wheel() {
  python3 - "$scratch/wheels" "$@" <<'END'
import pathlib, sys, zipfile
folder, name, version, tag, content = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {
    f"{name}.py": content,
    f"{info}/METADATA":
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    f"{info}/WHEEL":
        f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
}
files[f"{info}/RECORD"] = "".join(
    f"{file},,\n" for file in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(
        pathlib.Path(folder) / f"{name}-{version}-{tag}.whl", "w") as out:
    for file, text in files.items():
        out.writestr(zipfile.ZipInfo(file), text)
END
}
hash_of() { sha256sum "$scratch/wheels/$1" | cut -d' ' -f1; }
linux=manylinux_2_28_x86_64
wheel torch 2.0 cp311-cp311-$linux "x = 311"
wheel torch 2.0 cp312-cp312-$linux "x = 312"
wheel hp_pure 1.0 py3-none-any "x = 1"
wheel hp_cuda 1.0 py3-none-$linux "x = 2"
wheel hp_header 1.0 py3-none-$linux "x = 3"
wheel hp_full 1.0 py3-none-$linux "x = 4"
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$scratch/wheels"

cat >"$tree/scripts/requirements-build.txt" <<'END'
# What the test builds with.
torch==2.0
Hp.Pure==1.0
END
cat >"$tree/scripts/requirements-cuda.txt" <<'END'
# GROUP REQUIREMENT FILE
build hp-cuda==1.0     libhp-is-not-here.so.1
build hp-cuda==1.0     hp-is-not-here.h
build hp-header==1.0   hp-is-not-here.h
full  hp-full==1.0     libhp-is-not-here-either.so.1
END
echo 'hp-pure==1.0' >"$tree/scripts/requirements-oracles.txt"
lists=("$tree"/scripts/requirements-*.txt)

"$tree/scripts/lock" 2>"$scratch/said" || fail "lock: $(<"$scratch/said")"
pure="--hash=sha256:$(hash_of hp_pure-1.0-py3-none-any.whl)"
cuda="--hash=sha256:$(hash_of hp_cuda-1.0-py3-none-$linux.whl)"
full="--hash=sha256:$(hash_of hp_full-1.0-py3-none-$linux.whl)"
header="--hash=sha256:$(hash_of hp_header-1.0-py3-none-$linux.whl)"
torch="--hash=sha256:$(hash_of torch-2.0-cp311-cp311-$linux.whl)"
torch12="--hash=sha256:$(hash_of torch-2.0-cp312-cp312-$linux.whl)"
diff - "${lists[0]}" <<END || fail "requirements-build.txt"
# What the test builds with.
torch==2.0 \\
    $torch \\
    $torch12
Hp.Pure==1.0 \\
    $pure
END
diff - "${lists[1]}" <<END || fail "requirements-cuda.txt"
# GROUP REQUIREMENT FILE
build hp-cuda==1.0     libhp-is-not-here.so.1 \\
    $cuda
build hp-cuda==1.0     hp-is-not-here.h \\
    $cuda
build hp-header==1.0   hp-is-not-here.h \\
    $header
full  hp-full==1.0     libhp-is-not-here-either.so.1 \\
    $full
END
diff - "$tree/deploy/libtorch/libtorch.txt" <<END || fail "libtorch.txt"
# Written by scripts/lock; read by halfpipe-install-libtorch.
hp-cuda==1.0 \\
    $cuda
hp-full==1.0 \\
    $full
torch==2.0 \\
    $torch
END

# Again: the same bytes. A version that nobody has: nothing is written.
sha256sum "${lists[@]}" "$tree"/deploy/libtorch/* >"$scratch/sums"
"$tree/scripts/lock" 2>"$scratch/said" || fail "lock: $(<"$scratch/said")"
sha256sum --quiet -c "$scratch/sums" || fail "a second lock differs"
sed -i.was 's/Hp.Pure==1.0/Hp.Pure==9.0/' "${lists[0]}"
sha256sum "${lists[@]}" "$tree"/deploy/libtorch/* >"$scratch/other"
! "$tree/scripts/lock" 2>"$scratch/said" || fail "lock takes what is not there"
grep -q 'nothing was written' "$scratch/said" || fail "$(<"$scratch/said")"
sha256sum --quiet -c "$scratch/other" || fail "a lock that fails writes"
mv "${lists[0]}.was" "${lists[0]}"

# setup installs what is locked, once. (--oracles wants a torch that imports.)
setup() { "$tree/scripts/setup" --no-apt --oracles >"$scratch/said" 2>&1; }
installed() { "$tree/.deps/venv/bin/python" -c "import $1; print($1.x)"; }
setup || fail "setup: $(<"$scratch/said")"
for name in torch hp_pure hp_cuda hp_header hp_full; do
  installed $name >/dev/null || fail "$name is not installed"
done
setup || fail "setup again: $(<"$scratch/said")"
[[ "$(grep -c 'up to date' "$scratch/said")" == 3 ]] || fail "$(<"$scratch/said")"

# Another file in the place of a wheel, as whoever holds the index could put it.
"$tree/.deps/venv/bin/python" -m pip uninstall -q -y hp-pure hp-cuda
wheel hp_cuda 1.0 py3-none-$linux "x = 'evil'"
rm "$tree"/.deps/stamp-*
! setup || fail "a wheel with another hash is installed"
for word in 'DO NOT MATCH THE HASHES' hp-cuda==1.0 \
  "Got *$(hash_of hp_cuda-1.0-py3-none-$linux.whl)" 'nothing was installed'; do
  grep -q "$word" "$scratch/said" || fail "no '$word': $(<"$scratch/said")"
done
for name in hp_pure hp_cuda; do
  ! installed $name 2>/dev/null || fail "$name is installed beside a wrong one"
done
[[ ! -e "$tree/.deps/stamp-build" ]] || fail "it counts as done"

# A line without a hash.
wheel hp_cuda 1.0 py3-none-$linux "x = 2"
sed -i '/^ *--hash/d; s/ \\$//' "${lists[0]}"
! setup || fail "a line without a hash is installed"
grep -q -e '--require-hashes mode' "$scratch/said" || fail "$(<"$scratch/said")"
! installed hp_pure 2>/dev/null || fail "hp_pure is installed without a hash"
