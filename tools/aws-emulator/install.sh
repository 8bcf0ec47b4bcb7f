#!/usr/bin/env bash
# Installs the AWS emulator that test/aws/emulator.suite.ts talks to: the Python package moto, in .aws-emulator.
# Does nothing when it is there; says so, and fails nothing, where there is no Python.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.aws-emulator
[ -x "$folder/bin/moto_server" ] && exit 0
if ! command -v python3 >/dev/null || ! python3 -c 'import venv' 2>/dev/null; then
  echo "no python3 with venv here: the tests against the AWS emulator are skipped"
  exit 0
fi
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet 'moto[server]==5.2.5'
