#!/usr/bin/env bash
# The packages that cpack makes of this build: lintian's opinion, installed in a
# clean Debian 12 that is then booted, a job on the CPU, purged; and the tarball
# in another one that has none of our libraries.
#
#   HP_PACKAGES  a folder with packages to try instead of making them
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}"
source "$(dirname "$0")/boot.sh"
source "$(dirname "$0")/debian_base.sh"

wheels="$(realpath "$HP_SOURCE/.deps/venv/lib/python3.11/site-packages")"
[[ -d "$wheels/torch/lib" ]] ||
  skip "no libtorch for Debian 12's Python in $HP_SOURCE/.deps"
# On the build folder's file system, with the programs: not in memory.
work="$(mktemp -d "$(realpath "$HP_BIN/..")/packages-test-XXXXXX")"
finish() {
  local status=$?
  if ((status != 0 && status != 77)) && [[ -n "$boot_init" ]]; then
    inside journalctl --no-pager -n 40 >&2 || true
  fi
  shut_down || true
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

say() { printf '%4d s: %s\n' "$SECONDS" "$*"; }

# libtorch as halfpipe-install-libtorch leaves it, of this build's own wheels,
# linked where that is possible: these are gigabytes.
site="$work/site"
mkdir -p "$site/torch" "$site/nvidia/toolkit/lib"
for folder in torch/lib nvidia; do
  cp -alT "$wheels/$folder" "$site/$folder" 2>/dev/null ||
    cp -aT "$wheels/$folder" "$site/$folder"
done
# Where the machine has a CUDA toolkit, scripts/setup has left wheels out.
ldd "$HP_BIN/halfpipe-stage0" |
  sed -n 's/^[[:space:]]*\(libcu[^ ]*\|libnv[^ ]*\) => \([^ ]*\).*/\2/p' |
  grep -v /site-packages/ | xargs -r cp -Lt "$site/nvidia/toolkit/lib"

debian_base
packages="${HP_PACKAGES:-$work/packages}"
if [[ -z "${HP_PACKAGES:-}" ]]; then
  # Who packs is not for lintian to judge here; an address that could be one.
  (cd "$work" && DEBFULLNAME="A test" DEBEMAIL=nobody@debian.org cpack \
    --config "$HP_BIN/../CPackConfig.cmake" -B "$packages" \
    >"$work/cpack.log" 2>&1) || fail "cpack: $(tail -n 20 "$work/cpack.log")"
fi
debs=("$packages"/halfpipe{,-stage}_*_amd64.deb)
tarball=("$packages"/halfpipe-*-linux-x86_64.tar.gz)
[[ -s "${debs[0]}" && -s "${debs[1]}" && -s "${tarball[0]}" ]] ||
  fail "packages are missing: $(ls "$packages")"
say "packed: $(cd "$packages" && du -h -- *.deb *.tar.gz | tr '\n\t' ', ')"

# --- lintian
if command -v lintian >/dev/null; then
  lintian --fail-on error --tag-display-limit 0 "${debs[@]}" \
    >"$work/lintian" 2>&1 || fail "lintian: $(<"$work/lintian")"
  say "lintian: no error, $(grep -c '^W:' "$work/lintian" || true) warnings"
else
  echo "skipped: lintian is not installed"
fi

# --- installed in a clean root
root="$work/root"
mkdir "$root"
tar -C "$root" -xf "$debian_base"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp "${debs[@]}" "$root/root/"

# in_root COMMAND...: in the root's file system, with this machine's network.
in_root() {
  unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$1/proc"; cd /; root="$1"; shift
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' bash "$root" "$@"
}
apt() { in_root apt-get -qq -y --no-install-recommends "$@" >"$work/apt.log" 2>&1; }

# What the packages depend on comes first, so that what is left of them in the
# end is theirs.
depends="$(for deb in "${debs[@]}"; do dpkg-deb -f "$deb" Depends; done |
  tr ',' '\n' | sed 's/ *(.*//; s/|.*//; s/ //g' | grep -v '^halfpipe$' |
  sort -u | tr '\n' ' ')"
apt update || skip "no package index: $(tail -n 2 "$work/apt.log")"
# shellcheck disable=SC2086  # words
apt install $depends systemd-sysv dbus || fail "apt: $(tail -n 5 "$work/apt.log")"

# files: every name in the root that is not a record of apt, dpkg or systemd.
files() {
  (cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path './var/cache/[!h]*' \
    -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/lib/systemd \
    -o -path ./run -o -path ./tmp -o -path ./var/tmp -o -path ./root \
    -o -name 'passwd*' -o -name 'group*' -o -name '*shadow*' \
    -o -name 'sub[ug]id*' -o -name .updated -o -name ld.so.cache \
    -o -name machine-id \) -prune \
    -o -print | sort)
}
mkdir "$root/opt/torch" # where this test has it
boot "$root"            # a first boot makes files of its own
shut_down
files >"$work/before"
apt install "/root/${debs[0]##*/}" "/root/${debs[1]##*/}" ||
  fail "apt: $(tail -n 5 "$work/apt.log")"
say "installed in a clean root"

# --- booted
boot "$root" --bind-ro="$site:/opt/torch"
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited too long for: $*"
    sleep 0.2
  done
}
wait_for 20 inside systemctl is-active halfpipe-coordinator
inside halfpipe list >/dev/null || fail "the installed service does not answer"
version="$(dpkg-deb -f "${debs[0]}" Version)"
for program in halfpipe halfpipe-coordinator halfpipe-stage0; do
  said="$(inside HP_TORCH_LIB=/opt/torch/torch/lib "$program" --version)"
  [[ "$said" == "$program "*$'\n'"commit "*", built for libtorch 2.11"*" NCCL 2."* ]] ||
    fail "$program --version: $said"
done
[[ "$(inside halfpipe --version | sed -n 's/^halfpipe //p' | tr - '~')-1" \
  == "$version" ]] || fail "$version is not $(inside halfpipe --version)"
inside sh -c 'cd /etc/halfpipe
  printf "HALFPIPE_DEVICE=cpu\nHP_TORCH_LIB=/opt/torch/torch/lib\n" >stage-0.env
  cp stage-0.env stage-1.env
  mkdir -p /opt/halfpipe/libtorch/torch  # as if it had been fetched
  touch /opt/halfpipe/libtorch/installed'
inside systemctl enable --now halfpipe-stage@0 halfpipe-stage@1 2>/dev/null
inside sh -c 'cat >/srv/halfpipe/job.yaml' <<'END'
name: packaged
model: {random: {variant: tiny-t2v}}
lora: {rank: 4}
data: {height: 64, width: 48, frames: 9, random: {samples: 5}}
train: {steps: 6, micro_batches: 4, seed: 0}
pipeline: {device: cpu, dtype: fp32}
output: {dir: /srv/halfpipe/out, save_every: {steps: 2}, formats: [diffsynth]}
END
inside timeout 120 halfpipe submit /srv/halfpipe/job.yaml --id packaged \
  >"$work/submit" 2>&1 || fail "the job: $(tail -n 5 "$work/submit")"
inside test -s /srv/halfpipe/out/lora.diffsynth.safetensors || fail "no LoRA"
say "booted: a job ran to its end"

# Installed again, as an update does it: all of it goes on.
pid="$(inside systemctl show -P MainPID halfpipe-coordinator)"
inside dpkg -i "/root/${debs[0]##*/}" "/root/${debs[1]##*/}" \
  >"$work/dpkg.log" 2>&1 ||
  fail "dpkg: $(tail -n 5 "$work/dpkg.log")"
wait_for 20 inside systemctl is-active halfpipe-coordinator
[[ "$(inside systemctl show -P MainPID halfpipe-coordinator)" != "$pid" ]] ||
  fail "an update does not restart the coordinator"
wait_for 20 inside sh -c 'systemctl is-active halfpipe-stage@0 halfpipe-stage@1'
grep -q '"state": *"done"' < <(inside halfpipe show packaged -o json) ||
  fail "an update forgets jobs"
say "updated"

uid="$(inside id -u halfpipe)"
# purge: both packages, in the booted system.
purge() {
  inside dpkg --purge halfpipe-stage halfpipe >"$work/purge.log" 2>&1 ||
    fail "purge: $(tail -n 5 "$work/purge.log")"
  [[ -z "$(inside find /proc -maxdepth 1 -uid "$uid")" ]] ||
    fail "processes are left"
}
inside touch /var/lib/halfpipe/keep
purge
inside test -s /var/lib/halfpipe/halfpipe.db || fail "the queue was not kept"
inside test -s /srv/halfpipe/out/lora.diffsynth.safetensors ||
  fail "the LoRA was not kept"
inside dpkg -i "/root/${debs[0]##*/}" >"$work/dpkg.log" 2>&1
wait_for 20 inside halfpipe show packaged
say "purged with the queue kept, and found it again"
inside rm -r /var/lib/halfpipe/keep /srv/halfpipe/out /srv/halfpipe/job.yaml
purge
files >"$work/after"
diff "$work/before" "$work/after" >"$work/left" ||
  fail "left after a purge: $(<"$work/left")"
! grep -q halfpipe "$root/etc/passwd" || fail "the user is left"
shut_down
say "purged: nothing is left"

# --- the tarball, moved about, on a system without our libraries
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$debian_base"
mkdir -p "$root/somewhere" "$root/opt/libtorch" "$root/tmp"
tar -C "$root/somewhere" --strip-components 1 -xf "${tarball[0]}"
cat >"$root/job.yaml" <<'END'
name: moved
model: {random: {variant: tiny-t2v}}
lora: {rank: 4}
data: {height: 64, width: 48, frames: 9, random: {samples: 5}}
train: {steps: 2, micro_batches: 2, seed: 0}
pipeline: {device: cpu, dtype: fp32}
output: {dir: /out, formats: [diffsynth]}
END
unshare --mount --pid --fork --kill-child bash -c '
  mount --bind "$2" "$1/opt/libtorch"; mount -t proc proc "$1/proc"
  exec chroot "$1" env -i PATH=/usr/bin:/bin HP_TORCH_LIB=/opt/libtorch/torch/lib \
    HOME=/root /somewhere/bin/halfpipe run /job.yaml' bash "$root" "$site" \
  >"$work/run.log" 2>&1 || fail "the tarball: $(tail -n 10 "$work/run.log")"
[[ -s "$root/out/lora.diffsynth.safetensors" ]] || fail "the tarball: no LoRA"
for file in share/systemd/halfpipe-coordinator.service share/doc/halfpipe/README.md \
  share/doc/halfpipe/sbom.cdx.json bin/halfpipe-install-libtorch; do
  [[ -s "$root/somewhere/$file" ]] || fail "the tarball lacks $file"
done
grep -q '^ExecStart=/opt/halfpipe/bin/' \
  "$root/somewhere/share/systemd/halfpipe-coordinator.service" ||
  fail "the tarball's units start something else"
say "the tarball ran a job, moved, without our libraries"
