# shellcheck shell=bash
# Sourced by tests that need a systemd of their own: boots a root folder, or this
# machine's own root copy-on-write, in namespaces that end with the test. Root,
# systemd-nspawn and version 2 cgroups are needed; without them: skipped.
#
# boot ROOT [NSPAWN_OPTION...]   ROOT may be /; returns when systemd is up
# inside COMMAND...              runs it in there; its exit code
# shut_down                      at the end, in any case; then it may boot again

skip() {
  echo "SKIPPED: $*"
  exit 77
}

PATH="$PATH:/usr/sbin:/sbin"
((EUID == 0)) || skip "booting a systemd needs root"
for tool in systemd-nspawn nsenter unshare; do
  command -v "$tool" >/dev/null ||
    skip "$tool is not installed (scripts/packages-deploy.txt)"
done

boot_hierarchy=/sys/fs/cgroup
[[ -e $boot_hierarchy/cgroup.procs ]] ||
  boot_hierarchy=/sys/fs/cgroup/unified
[[ -e $boot_hierarchy/cgroup.procs ]] || skip "there are no version 2 cgroups"
boot_group="$boot_hierarchy/halfpipe-boot-$$"
boot_work="" boot_child="" boot_init=""

boot() {
  local root="$1"
  shift
  mkdir "$boot_group" 2>/dev/null || skip "$boot_hierarchy is not writable"
  boot_work="$(mktemp -d /tmp/halfpipe-boot-XXXXXX)"
  mkdir "$boot_work/root"
  (
    echo "$BASHPID" >"$boot_group/cgroup.procs"
    exec unshare --cgroup --mount --pid --fork --mount-proc --kill-child \
      --propagation private bash -c '
        set -e
        root="$1" mounted="$2" options=()
        shift 2
        umount -l /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mount -t tmpfs tmpfs /run
        mount --bind "$root" "$mounted"
        # The machine itself is only looked at.
        [[ "$root" != / ]] || options=(--volatile=overlay)
        exec systemd-nspawn --boot -D "$mounted" "${options[@]}" \
          --register=no --keep-unit --machine=halfpipe-test --console=pipe \
          --private-network "$@" systemd.unit=multi-user.target' \
      bash "$root" "$boot_work/root" "$@"
  ) >"$boot_work/console.log" 2>&1 </dev/null &
  boot_child=$!
  local deadline=$((SECONDS + 60)) wrapper nspawn
  until wrapper="$(pgrep -P "$boot_child" -x systemd-nspawn)" &&
    nspawn="$(pgrep -P "$wrapper" -x systemd)" && boot_init="$nspawn" &&
    inside systemctl is-system-running --wait >/dev/null 2>&1 ||
    [[ -n "$boot_init" &&
      "$(inside systemctl is-system-running 2>/dev/null)" == degraded ]]; do
    kill -0 "$boot_child" 2>/dev/null && ((SECONDS < deadline)) || {
      tail -n 5 "$boot_work/console.log"
      skip "systemd does not boot here"
    }
    sleep 0.2
  done
}

inside() {
  nsenter -t "$boot_init" -m -p -u -i -C -n -- env -i LC_ALL=C.UTF-8 \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

shut_down() {
  if [[ -n "$boot_child" ]]; then
    kill -TERM "$(pgrep -P "$boot_child" -x systemd-nspawn)" 2>/dev/null ||
      kill -KILL "$boot_child" 2>/dev/null
    wait "$boot_child" 2>/dev/null
  fi
  [[ ! -d "$boot_group" ]] ||
    find "$boot_group" -depth -type d -exec rmdir {} + 2>/dev/null
  [[ -z "$boot_work" ]] || rm -rf "$boot_work"
  boot_work="" boot_child="" boot_init=""
}
