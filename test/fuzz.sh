#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each (default 60s) and
# stops at the first finding. Go fuzzes one target of one package at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
for_each=${1:-60s}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
count=0
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  echo "== $package $target ($for_each)"
  # What talks to a store or over a connection covers other lines each time, and would be
  # minimized for a minute where nothing is to be found.
  if ! go test -tags gms_pure_go -run '^$' -fuzz "^$target\$" -fuzztime "$for_each" -fuzzminimizetime 10x "$package" | tee "$said"; then
    # Before Go 1.27 the end of the time is reported as a failure now and then, without an
    # input (go.dev/issue/75804).
    grep -q '^ *context deadline exceeded$' "$said" || exit 1
    if grep -q 'Failing input' "$said"; then exit 1; fi
  fi
  count=$((count + 1))
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' /dev/null | sed 's/func //' | sort)
[ "$count" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$count targets, no finding"
