#!/usr/bin/env bash
# Runs the tests that need a real identity provider (see make oidc): the certified oidc-provider of npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${OIDC_PROVIDER_VERSION:?run this by make oidc}
. .ci/node.sh
need_node "make oidc"
install "oidc-provider-$version" "oidc-provider@$version"

# A test that was skipped has tried nothing.
out=$(OIDC_PROVIDER=$tools/oidc-provider-$version/node_modules/oidc-provider/lib/index.js go test -count=1 -v -run 'IdentityProvider' ./internal/app 2>&1) || {
	echo "$out"
	exit 1
}
passed=$(grep -c '^--- PASS' <<<"$out" || true)
skipped=$(grep -c -- '--- SKIP' <<<"$out" || true)
echo "oidc: $passed tests with a real identity provider passed, $skipped skipped"
[ "$passed" -gt 0 ] && [ "$skipped" = 0 ]
