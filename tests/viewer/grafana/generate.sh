#!/bin/sh
# Grafana's own types flow in, grafana.schema.json flows out: what dashboards are checked against.
# Needs Node.js with npm. Run it after a new version of Grafana, with that version below.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp generate.mjs tsconfig.json "$work"
cd "$work"
npm init --yes >/dev/null
npm install --no-audit --no-fund --ignore-scripts \
    @grafana/schema@13.2.3 ts-json-schema-generator@2.4.0 typescript@5.9.3
node generate.mjs
mv grafana.schema.json "$here"
