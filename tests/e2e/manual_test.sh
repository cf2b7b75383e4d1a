#!/usr/bin/env bash
# The manual pages are the programs' own, and man can read them; the completion
# files are written.
source "$(dirname "$0")/lib.sh"

"$HP_SOURCE/scripts/manual" --check "$HP_BIN" || fail "docs/man is out of step"
cmp <("$HP_BIN/halfpipe-stage0" --manual) <("$HP_BIN/halfpipe-stage1" --manual) ||
  fail "the stages have two pages"
if command -v man >/dev/null; then
  for page in "$HP_SOURCE"/docs/man/*.1; do
    warnings="$(MANROFFSEQ='' LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 \
      -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
    [[ -z "$warnings" ]] || fail "$page: $warnings"
  done
fi
"$HP_SOURCE/scripts/manual" --completion "$scratch/shells" "$HP_BIN"
bash -n "$scratch/shells/halfpipe.bash"
for shell in zsh:_halfpipe fish:halfpipe.fish; do
  command -v "${shell%%:*}" >/dev/null || continue
  "${shell%%:*}" -n "$scratch/shells/${shell#*:}" || fail "$shell"
done
# Every command has its place in docs/cli.md.
for command in $("$HP_BIN/halfpipe" completion fish |
  sed -n "s/.*-f -a \([a-z]*\) -d .*/\1/p"); do
  grep -q "^| \`$command" "$HP_SOURCE/docs/cli.md" ||
    fail "docs/cli.md has no row for $command"
done
