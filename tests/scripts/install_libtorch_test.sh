#!/usr/bin/env bash
# halfpipe-install-libtorch with small wheels of our own and no network, and what
# the stages' wrappers find then.
set -euo pipefail
: "${HP_SOURCE:?}" "${HP_PYTHON:?}"
# In /tmp whatever TMPDIR says: PIP_FIND_LINKS ends at a blank.
scratch="$(mktemp -d /tmp/halfpipe-wheels-XXXXXX)"
trap 'rm -rf "$scratch"' EXIT
PATH="$(dirname "$HP_PYTHON"):$PATH"
install="$HP_SOURCE/deploy/libtorch/halfpipe-install-libtorch"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# A wheel of torch and one of NVIDIA's, and their list.
python3 - "$scratch" <<'END'
import hashlib, pathlib, sys, zipfile
root = pathlib.Path(sys.argv[1])
lines = []
def wheel(name, version, tag, files):
    stem = f"{name}-{version}"
    path = root / f"wheels/{stem}-{tag}.whl"
    path.parent.mkdir(exist_ok=True)
    info = f"{stem}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
    files[f"{info}/LICENSE"] = "do as you like"
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as out:
        for entry, text in files.items():
            out.writestr(entry, text)
        out.writestr(f"{info}/RECORD", record)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
wheel("torch", "2.11.0", "cp311-cp311-manylinux_2_28_x86_64",
      {"torch/lib/libtorch_cpu.so": "library", "torch/include/big.h": "header",
       "torch/__init__.py": "python"})
wheel("nvidia_nccl_cu13", "2.28.9", "py3-none-manylinux_2_18_x86_64",
      {"nvidia/nccl/lib/libnccl.so.2": "library",
       "nvidia/nccl/include/nccl.h": "header"})
(root / "list.txt").write_text("# ours\n" + "".join(lines))
END
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$scratch/wheels"
prefix="$scratch/opt/libtorch"

"$install" --prefix "$prefix" --requirements "$scratch/list.txt" 2>/dev/null
[[ -e "$prefix/torch/lib/libtorch_cpu.so" &&
  -e "$prefix/nvidia/nccl/lib/libnccl.so.2" ]] || fail "libraries are missing"
[[ -e "$prefix/torch-2.11.0.dist-info/LICENSE" ]] || fail "no licence"
[[ -z "$(find "$scratch/opt" -name '*.h' -o -name '*.py' -o -name '*.new')" ]] ||
  fail "more than libraries: $(find "$scratch/opt")"

# Again: nothing is done.
touch "$prefix/mark"
"$install" --prefix "$prefix" --requirements "$scratch/list.txt" \
  2>"$scratch/again"
grep -q 'up to date' "$scratch/again" || fail "again: $(<"$scratch/again")"
[[ -e "$prefix/mark" ]] || fail "it was installed anew"

# A wheel that is not the one that was pinned changes nothing.
sed 's/sha256:..../sha256:0000/' "$scratch/list.txt" >"$scratch/wrong.txt"
! "$install" --prefix "$prefix" --requirements "$scratch/wrong.txt" \
  2>"$scratch/wrong" || fail "a wrong digest was taken"
grep -qi 'hash' "$scratch/wrong" || fail "no word of it: $(<"$scratch/wrong")"
[[ -e "$prefix/mark" && ! -e "$prefix.new" ]] || fail "a refusal left traces"

# Somebody else's folder is left alone.
mkdir -p "$scratch/mine"
for option in "" --remove; do
  # shellcheck disable=SC2086  # no option at all
  ! "$install" --prefix "$scratch/mine" --requirements "$scratch/list.txt" \
    $option 2>/dev/null || fail "it took another folder"
done
[[ -d "$scratch/mine" ]] || fail "it deleted another folder"

# What a stage's wrapper finds: beside its installation, then by HP_TORCH_LIB.
found() {
  env -u HP_TORCH_LIB -u LD_LIBRARY_PATH hp_prefix="$scratch/opt" "$@" sh -c '
    . "$HP_SOURCE/deploy/libtorch/env.sh"; echo "$HP_TORCH_LIB $LD_LIBRARY_PATH"'
}
lib="$prefix/torch/lib"
[[ "$(found)" == "$lib $lib:$lib/../../nvidia/nccl/lib" ]] || fail "$(found)"
mkdir -p "$scratch/other"
touch "$scratch/other/libtorch_cpu.so"
[[ "$(found HP_TORCH_LIB="$scratch/other")" == "$scratch/other $scratch/other:"* ]] ||
  fail "HP_TORCH_LIB is not used"
code=0
said="$(found HP_TORCH_LIB="$scratch" 2>&1)" || code=$?
((code == 3)) && [[ "$said" == *"libtorch not found"*halfpipe-install-libtorch* ]] ||
  fail "without libtorch: $code, $said"

# Another torch is refused by name, where its wheel says which one it is.
mkdir -p "$scratch/wheel/torch/lib"
touch "$scratch/wheel/torch/lib/libtorch_cpu.so"
torch_is() {
  echo "__version__ = '$1'" >"$scratch/wheel/torch/version.py"
  found HP_TORCH_LIB="$scratch/wheel/torch/lib" 2>&1
}
for version in 2.11.0 2.11.0+cu130 2.11.0a0+git70d99e9; do
  torch_is "$version" >/dev/null || fail "torch $version is refused"
done
for version in 2.12.0+cu130 2.11.01 2.11.0+cpu 2.11.0+cu126; do
  code=0
  said="$(torch_is "$version")" || code=$?
  ((code == 3)) && [[ "$said" == *"is $version "*"pip install torch==2.11.0"* ]] ||
    fail "torch $version: $code, $said"
done

"$install" --prefix "$prefix" --remove
[[ ! -e "$prefix" ]] || fail "--remove left it there"
