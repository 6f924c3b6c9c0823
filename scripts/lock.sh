#!/usr/bin/env bash
# Resolve the dependencies anew: hashes only, for every platform and Python 3.11 and newer. Needs uv.
# Arguments go to uv, for instance: scripts/lock.sh --upgrade-package aiokafka
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() { # lock FILE ARGUMENTS...
  local file=requirements/$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file "$file" "$@"
  if grep -qE 'https?://|^--' "$file"; then
    echo "$file holds an address: a lock here records hashes only" >&2
    exit 1
  fi
}

# The first one decides; the others agree with it.
lock dev.txt pyproject.toml --extra all --group dev "$@"
lock run.txt pyproject.toml --extra kafka --group build --constraints requirements/dev.txt "$@"
lock docs.txt --group docs --constraints requirements/dev.txt "$@"
lock bench.txt --group bench --constraints requirements/dev.txt "$@"
lock brokers.txt --group brokers "$@"
