#!/usr/bin/env bash
# The commands as a terminal of 80 and of 160 columns shows them: no line that we
# lay out is wider, and docs/terminal.md has the same pictures. With
# HP_UPDATE_DOCS=1 it writes them.
source "$(dirname "$0")/lib.sh"
if ! command -v tmux >/dev/null; then
  echo "SKIPPED: tmux is not installed (apt: tmux)"
  exit 77
fi

pictures="$scratch/pictures"
mkdir "$pictures"
export HALFPIPE_CACHE_DIR="$scratch/cache" TMUX_TMPDIR="$scratch"
terminal() { tmux -L halfpipe -f /dev/null "$@"; }

# What is there to be copied is as wide as it is; so are a sentence and what a
# stage says.
may_wrap='https?://|--address |^halfpipe: |^stage [0-9]|/tmp/halfpipe-e2e'

# capture NAME COLUMNS ROWS COMMAND...: what is on the screen, history included,
# after `halfpipe COMMAND`, into $pictures/NAME.COLUMNS.
capture() {
  local name="$1" columns="$2" rows="$3" picture="$pictures/$1.$2"
  shift 3
  rm -f "$scratch/ended"
  terminal new-session -d -s "$name" -x "$columns" -y "$rows" \
    "cd ${scratch@Q}; ${HP_BIN@Q}/halfpipe ${*@Q}; echo \$? >ended; sleep 600"
  wait_for 120 test -s "$scratch/ended"
  # Joined (-J), so that a line that has wrapped is one line, of more columns.
  terminal capture-pane -p -J -t "$name" -S - | sed 's/ *$//' >"$picture"
  terminal kill-session -t "$name"
  if awk -v columns="$columns" 'length > columns' "$picture" |
    grep -vE "$may_wrap"; then
    fail "halfpipe $*: a line is wider than $columns columns"
  fi
  # Without the screen's empty rows, and without what opens a page.
  sed -i -e "s|$scratch|/tmp/job|g" -e 's/hpt_[A-Za-z0-9_-]*/hpt_.../' \
    -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$picture"
}

# both NAME COMMAND...: on either terminal. {} is its width.
both() {
  local name="$1" columns
  shift
  for columns in 80 160; do
    capture "$name" "$columns" $((columns / 4)) "${@//\{\}/$columns}"
  done
}

for columns in 80 160; do
  job "fox$columns" steps=12 save_every=5 >/dev/null
done
both first
both help --help
both check check fox80.yaml
both run run "fox{}.yaml"
# The bar, both lines of it, is the last thing that a run leaves.
for columns in 80 160; do
  grep -qE '^\[#+\] 100%  step 12/12 ' "$pictures/run.$columns" ||
    fail "no bar: $(cat "$pictures/run.$columns")"
  grep -qE '^loss [0-9.]+ \(avg ' "$pictures/run.$columns" ||
    fail "no second line: $(cat "$pictures/run.$columns")"
done
[[ "$(grep -c '^\[' "$pictures/run.80")" == 1 ]] ||
  fail "a bar was left behind: $(cat "$pictures/run.80")"
both wrong_option list --lable a=b
both wrong_value list --output xml
both no_service list --address 127.0.0.1:1

service
stages
job other steps=4 >/dev/null
hp submit "$scratch/other.yaml" --id my-fox-1a2b3c4d5e6f >/dev/null ||
  fail "submit: exit code $?"
export HALFPIPE_ADDRESS
both stages stages
both list list
both show show my-fox-1a2b3c4d5e6f
both watch watch my-fox-1a2b3c4d5e6f

"${HP_PYTHON:-python3}" "$HP_SOURCE/tests/e2e/terminal_docs.py" \
  "$HP_SOURCE/docs/terminal.md" "$pictures" ${HP_UPDATE_DOCS:+--update} ||
  fail "docs/terminal.md shows something else"
