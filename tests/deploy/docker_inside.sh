#!/usr/bin/env bash
# docker_test.sh runs this in namespaces of its own: an engine, the images, and
# compose.cpu.yaml. HP_DOCKER_WORK is a folder on a real file system.
source "$(dirname "$0")/../e2e/lib.sh"
: "${HP_DOCKER_WORK:?}" "${HP_DOCKER_BASE:?}"

# This mount namespace's cgroups are version 2 alone, and its root is free of
# processes, as the engine needs it to hand out controllers.
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/test
while read -r process; do
  echo "$process" >/sys/fs/cgroup/test/cgroup.procs
done </sys/fs/cgroup/cgroup.procs
mount -t tmpfs tmpfs /run
ip link set lo up

# The client that came with the engine: another's may be too new for it.
docker="$(realpath "$(dirname "$(command -v dockerd)")/../bin/docker")"
[[ -x "$docker" ]] || docker=docker
export DOCKER_HOST=unix:///run/docker-test.sock DOCKER_BUILDKIT=1
# No bridge: all containers use the host's network, which is this test's.
dockerd --data-root "$HP_DOCKER_WORK/data" --exec-root /run/docker-test \
  --host "$DOCKER_HOST" --pidfile /run/docker-test.pid --bridge=none \
  --iptables=false --ip6tables=false >"$scratch/dockerd.log" 2>&1 &
wait_for 30 "$docker" info

# As lib.sh's, which shows the log files.
fail() {
  local id
  for id in $("$docker" ps -aq); do
    "$docker" inspect --format '{{.Name}} {{json .State}}' "$id" |
      cut -c -600 >"$scratch/$id.log"
    "$docker" logs "$id" >>"$scratch/$id.log" 2>&1
  done
  echo "FAILED: $*" >&2
  exit 1
}

# Containers that still write would be in the way of lib.sh's clearing up.
end() {
  local status=$?
  set +e
  "$docker" ps -q | xargs -r "$docker" kill >/dev/null 2>&1
  (exit $status) # what clean_up reads
  clean_up
}
trap end EXIT

if [[ -n "${HP_DOCKER_IMAGES:-}" ]]; then
  "$docker" load -q <"$HP_DOCKER_IMAGES" | sed -n 's/^Loaded image: //p' |
    while read -r image; do
      name="${image##*/}"
      "$docker" tag "$image" "${name%%:*}"
    done
else
  # By its id, which BuildKit does not look up.
  base="$("$docker" import - halfpipe-test-base:latest <"$HP_DOCKER_BASE")"
  build() {
    DOCKER_BUILDKIT=0 "$docker" build -q --network host --target "$1" \
      --build-arg "BASE_IMAGE=$2" -t "halfpipe-$1" \
      "$HP_DOCKER_WORK/context" >"$scratch/build.log" 2>&1
  }
  for tag in halfpipe-test-base:latest halfpipe-test-base; do
    ! build stage "$tag" || fail "the base $tag is taken"
    grep -q "BASE_IMAGE is '$tag', which may be another" "$scratch/build.log" ||
      fail "of the base $tag it is not said what is wrong"
  done
  ! build stage "" || fail "no base at all is taken"
  for target in coordinator stage; do
    build $target "$base" || fail "docker build $target"
  done
fi
in_image() { "$docker" run --rm --network host "$@" 2>&1; }
bytes="$("$docker" image inspect --format '{{.Size}}' halfpipe-coordinator)"
echo "the coordinator's image has $((bytes / 1000000)) MB"
((bytes < 100 * 1000 * 1000)) || fail "its limit is 100 MB"
in_image halfpipe-coordinator sh -c true >/dev/null &&
  fail "the coordinator's image has a shell"
in_image halfpipe-coordinator halfpipe --help | grep submit >/dev/null ||
  fail "the coordinator's image has no client"
in_image halfpipe-stage | grep -e --coordinator >/dev/null ||
  fail "the stages' image does not say how it is used"

# The stages' files lie where a job of lib.sh expects them, and in $scratch.
export HALFPIPE_FILES="$scratch"
cp -r "$HP_MODEL" "$scratch/inputs"
chown -R 970:970 "$scratch"
compose_tool=(docker-compose)
docker-compose version >/dev/null 2>&1 || compose_tool=("$docker" compose)
compose() {
  timeout 240 "${compose_tool[@]}" --project-name halfpipe-test \
    -f "$HP_SOURCE/deploy/docker/compose.cpu.yaml" "$@" \
    >>"$scratch/compose.log" 2>&1
}

# container SERVICE: its id. of SERVICE FORMAT: what the engine knows of it.
container() {
  "$docker" ps -aq --filter label=com.docker.compose.project=halfpipe-test \
    --filter "label=com.docker.compose.service=$1"
}
of() { "$docker" inspect --format "$2" "$(container "$1")"; }
healthy() { [[ "$(of "$1" '{{.State.Health.Status}}')" == healthy ]]; }
hp() { "$docker" exec "$(container coordinator)" halfpipe "$@"; }

# container_job NAME [KEY=VALUE ...]: as `job`, with paths of the containers.
container_job() {
  local file
  file="$(job "$@")"
  sed -i -e "s|$HP_MODEL|/srv/halfpipe/inputs|g" -e "s|$scratch|/srv/halfpipe|g" \
    "$file"
}

# A coordinator that does not answer where its health is asked for: no stage may
# start.
cat >"$scratch/sick.yaml" <<'END'
services:
  coordinator:
    command: >-
      halfpipe-coordinator --config /etc/halfpipe/service.yaml
      --metrics-address off
    healthcheck: {interval: 1s, retries: 1, start_period: 0s}
END
code=0
compose -f "$scratch/sick.yaml" up -d || code=$?
((code != 0)) || fail "compose came up with a sick coordinator"
for stage in stage0 stage1; do
  [[ -z "$(container $stage)" ||
    "$(of $stage '{{.State.Status}}')" == created ]] ||
    fail "$stage did not wait for a healthy coordinator"
done
compose -f "$scratch/sick.yaml" down -v -t 1 || fail "down: exit code $?"

compose up -d || fail "up: exit code $?: $(tail -5 "$scratch/compose.log")"
for service in coordinator stage0 stage1; do
  wait_for 120 healthy "$service"
  [[ "$(of "$service" '{{.RestartCount}}')" == 0 ]] || fail "$service restarted"
done

# What common.yaml promises of each: a user, no privileges, a read-only root, no
# core files.
# Looked at from outside, since one of them has no shell.
as_promised() {
  local process
  process="/proc/$(of "$1" '{{.State.Pid}}')"
  grep -qP '^Uid:(\t970){4}$' "$process/status" &&
    grep -qP '^Gid:(\t970){4}$' "$process/status" &&
    grep -qP '^CapEff:\t0+$' "$process/status" &&
    grep -qP '^NoNewPrivs:\t1$' "$process/status" &&
    grep -qP '^Max core file size +0 +0 ' "$process/limits" &&
    grep -qP '^\S+ \S+ \S+ \S+ / ro,' "$process/mountinfo"
}
for service in coordinator stage0 stage1; do
  as_promised $service || fail "$service has other rights than it should"
done
for stage in stage0 stage1; do
  "$docker" exec "$(container $stage)" bash -ec '
    ! touch /opt/halfpipe/bin/new 2>/dev/null
    touch /tmp/new /srv/halfpipe/new && rm /srv/halfpipe/new' ||
    fail "$stage can write where it should not, or cannot where it should"
done

# A job on clips: decoder, encoders, training, export.
container_job clips model="$whole_model" \
  data="$(clips "$HP_MODEL/clips")" steps=4 >/dev/null
hp submit /srv/halfpipe/clips.yaml >"$scratch/clips.out" 2>&1 ||
  fail "clips: exit code $?: $(cat "$scratch/clips.out")"
lora clips >/dev/null
[[ "$(stat -c %u "$scratch"/clips/lora.comfyui.safetensors)" == 970 ]] ||
  fail "the output does not belong to the image's user"

# A killed stage comes back and the job ends as if nothing had been.
steps=40
container_job reference steps=$steps save_every=5 >/dev/null
hp submit /srv/halfpipe/reference.yaml >"$scratch/reference.out" 2>&1 ||
  fail "reference: $(cat "$scratch/reference.out")"
for stage in stage1 stage0; do
  container_job "killed-$stage" steps=$steps save_every=5 >/dev/null
  hp submit "/srv/halfpipe/killed-$stage.yaml" -o json \
    >"$scratch/killed-$stage.out" 2>&1 &
  job=$!
  wait_for_step "killed-$stage" 7
  restarts="$(of $stage '{{.RestartCount}}')"
  kill -KILL "$(of $stage '{{.State.Pid}}')"
  code=0
  wait $job || code=$?
  ((code == 0)) || fail "killed $stage: exit code $code: $(
    tail -5 "$scratch/killed-$stage.out")"
  same_lora reference "killed-$stage"
  (("$(of $stage '{{.RestartCount}}')" > restarts)) || fail "who was killed?"
  wait_for 60 healthy "$stage"
  echo "identical after a killed $stage"
done

# Stopped in order, within the grace; the queue outlives the containers.
SECONDS=0
compose stop || fail "stop: exit code $?"
((SECONDS < 20)) || fail "stopping took $SECONDS s"
for service in coordinator stage0 stage1; do
  code="$(of $service '{{.State.ExitCode}}')"
  [[ "$code" == 0 ]] || fail "$service ended with $code on SIGTERM"
done
compose down || fail "down: exit code $?"
compose up -d coordinator || fail "up: exit code $?"
wait_for 30 healthy coordinator
[[ "$(hp list | grep -c 'done')" == 4 ]] || fail "the queue is lost: $(hp list)"
compose down -v || fail "down -v: exit code $?"

# The GPU file: the engine takes all it says; starting it takes GPUs.
"${compose_tool[@]}" --project-name halfpipe-gpu \
  -f "$HP_SOURCE/deploy/docker/compose.yaml" up --no-start \
  >>"$scratch/compose.log" 2>&1 || fail "compose.yaml: exit code $?"
echo "the containers work"
