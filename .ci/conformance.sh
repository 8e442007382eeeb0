#!/usr/bin/env bash
# Runs the official MCP conformance suite over HTTP against two servers: conformance.sh BINARY FIXTURES (see make conformance).
# BINARY is the product; what it cannot pass, for want of tools that the suite expects of a server made for it, stands with its
# reason in .ci/conformance/product-REVISION.yml. FIXTURES has those tools, behind the same HTTP code; see its own lists.
# An entry that passes fails the run, so that the lists stay true.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
product=$1 fixtures=$2
version=${CONFORMANCE_VERSION:?run this by make conformance}
revisions=(2025-11-25 2026-07-28)
. .ci/node.sh
need_node "make conformance"
install "conformance-$version" "@modelcontextprotocol/conformance@$version"
suite=$tools/conformance-$version/node_modules/.bin/conformance

scratch=$(mktemp -d)
server=
finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf "$scratch"
}
trap finish EXIT

# serve COMMAND... starts a server that says in its log where it listens, and waits until it does.
serve() {
	HOME=$scratch XDG_STATE_HOME=$scratch XDG_CONFIG_HOME=$scratch "$@" >"$scratch/log" 2>&1 </dev/null &
	server=$!
	for _ in $(seq 100); do
		address=$(sed -n 's/.*"serving MCP" address=\([^ ]*\).*/\1/p' "$scratch/log")
		[ -z "$address" ] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	echo "the server does not start:" >&2
	cat "$scratch/log" >&2
	exit 1
}

failed=0
# check NAME runs the suite in both revisions. Notices of progress and logs may come late on a loaded machine, which the suite
# takes for a failure, so a run that fails is repeated once.
check() {
	local name=$1 revision try
	for revision in "${revisions[@]}"; do
		for try in 1 2; do
			if (cd "$scratch" && "$suite" server --url "$address" --requirements "$revision" \
				--expected-failures "$OLDPWD/.ci/conformance/$name-$revision.yml" -o "$scratch/results") >"$scratch/out" 2>&1; then
				echo "ok    $name, $revision: $(grep -c '^✓' "$scratch/out") scenarios pass, $(grep -c '^✗' "$scratch/out" || true) as expected do not"
				break
			fi
			[ "$try" = 1 ] && continue
			failed=$((failed + 1))
			echo "FAIL  $name, $revision"
			sed -n '/=== SUMMARY ===/,$p' "$scratch/out" | cut -c1-400
		done
	done
	kill "$server"
	wait "$server" || { echo "FAIL  $name: it does not end well"; failed=$((failed + 1)); }
	server=
}

serve "$product" --demo --transport http --auth none --listen 127.0.0.1:0
check product
serve "$fixtures"
check fixtures

echo "conformance: $failed problems"
[ "$failed" = 0 ]
