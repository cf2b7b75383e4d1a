#!/usr/bin/env bash
# The alert rules on made-up series, by Prometheus' own tool.
set -euo pipefail
here="$(dirname "$(realpath "$0")")"

command -v promtool >/dev/null || {
  echo "SKIPPED: promtool is not installed (Debian: prometheus)"
  exit 77
}
promtool check config "$here/../../deploy/prometheus/prometheus.yml"
promtool test rules "$here/prometheus/alerts_test.yml"
