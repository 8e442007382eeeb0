#!/usr/bin/env bash
# Runs the official MCP inspector's command line against the demo server: inspector.sh BINARY (see make inspector).
# Schemas must be portable without a single remark, and calls must end as the table says.
set -euo pipefail

# Tool, arguments, exit code. 0: a result; 5: a result with isError. The inspector cannot be asked anything (it declares
# no elicitation), and no other way to ask is wanted here, so what needs a person must be refused.
calls=(
	'list_instances          {}                                                                        0'
	'get_instance            {"instance":"prod-orders"}                                                0'
	'create_instance         {"name":"test","tenant":"Development","type":"free-db"}                   5'
	'update_instance         {"instance":"prod-orders","memory":"32GB"}                                5'
	'pause_instance          {"instance":"prod-orders"}                                                5'
	'resume_instance         {"instance":"dev-campaign-2025"}                                          5'
	'delete_instance         {"instance":"staging-orders"}                                             5'
	'overwrite_instance      {"instance":"staging-orders","source_instance":"prod-orders"}             5'
	'upgrade_instance        {"instance":"recommendations"}                                            5'
	'estimate_instance_size  {"node_count":1000000,"relationship_count":5000000}                       0'
	'wait_for_instance       {"instance":"prod-orders"}                                                0'
	'list_operations         {}                                                                        0'
	'list_snapshots          {"instance":"prod-orders"}                                                0'
	'get_snapshot            {"instance":"prod-orders","snapshot_id":"none-such"}                      5'
	'create_snapshot         {"instance":"prod-orders"}                                                0'
	'restore_snapshot        {"instance":"prod-orders","snapshot_id":"none-such"}                      5'
	'list_tenants            {}                                                                        0'
	'get_tenant              {"tenant":"Production"}                                                   0'
	'check_instance_health   {"instance":"prod-orders"}                                                0'
	'check_fleet_health      {}                                                                        0'
	'get_instance_metrics    {"instance":"prod-orders","name":"page_cache"}                            0'
)
# Prompt and its arguments, as the command line takes them. Each is asked for in both eras, and refused with an argument that it
# does not have and without those that it needs.
prompts=(
	'fleet_review        tenant=Production'
	'diagnose_instance   instance=staging-orders symptom=slow'
	'provision_database  name=test tenant=Development memory=8GB'
	'clone_for_testing   instance=prod-orders name=orders-test'
	'before_maintenance  instances=prod-orders,staging-*'
	'restore_drill       instance=prod-orders'
	'save_costs'
	'decommission        instance=dev-supplier-import'
)
# Address of a page, template that it is of (or itself), exit code. 1: there is no such page, which is a protocol error.
pages=(
	'aura://fleet                            aura://fleet                            0'
	'aura://instances/prod-orders            aura://instances/{instance}             0'
	'aura://instances/4c8e1f07/snapshots     aura://instances/{instance}/snapshots   0'
	'aura://instances/prod-orders/health     aura://instances/{instance}/health      0'
	'aura://tenants/Production               aura://tenants/{tenant}                 0'
	'aura://policy                           aura://policy                           0'
	'aura://operations                       aura://operations                       0'
	'aura://guide                            aura://guide                            0'
	'aura://instances/prod-order             aura://instances/{instance}             1'
)
# Template or prompt, argument, what is typed, a value that has to be offered.
completions=(
	'aura://instances/{instance}             instance   prod    prod-orders'
	'aura://instances/{instance}/snapshots   instance   4c8     4c8e1f07'
	'aura://instances/{instance}/health      instance   dev     dev-campaign-2025'
	'aura://tenants/{tenant}                 tenant     prod    Production'
	'diagnose_instance                       instance   stag    staging-orders'
	'fleet_review                            tenant     dev     Development'
)
eras=(legacy modern) # both ways of MCP to start a conversation

cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=$1
[[ $binary == */* ]] || binary=./$binary
version=${INSPECTOR_VERSION:?run this by make inspector}
. .ci/node.sh
need_node "make inspector"
install "inspector-$version" "@modelcontextprotocol/inspector@$version"

# A home of its own: the inspector's files and the demo's (audit, credentials) stay out of the person's.
scratch=$(mktemp -d)
# The inspector's other command, mcpdo, completes arguments. It keeps its connections in a daemon, which ends with this script.
mcpdo() { HOME=$scratch MCP_INSPECTOR_SECRET_STORE=memory "$tools/inspector-$version/node_modules/.bin/mcpdo" "$@" </dev/null; }
trap 'mcpdo daemon stop >/dev/null 2>&1 || true; rm -rf "$scratch" "${MCP_INSPECTOR_DAEMON_DIR:-$scratch}"' EXIT
eval "$(mcpdo private)"
failed=0

# inspect EXPECTED ARGS... asks the demo server and compares the exit code; its output is in $scratch afterwards.
inspect() {
	local want=$1 rc=0
	shift
	HOME=$scratch MCP_INSPECTOR_SECRET_STORE=memory \
		"$tools/inspector-$version/node_modules/.bin/mcp-inspector" --cli "$binary" --demo --approval elicitation --format json "$@" \
		>"$scratch/out" 2>"$scratch/err" </dev/null || rc=$?
	if [ "$rc" = "$want" ]; then
		echo "ok    $*"
	else
		fail "$*" "exit code $rc, want $want"
	fi
}

fail() {
	failed=$((failed + 1))
	echo "FAIL  $1: $2"
	sed 's/^/      /' "$scratch/out" "$scratch/err" | cut -c1-2000
}

# A finding of mere warning severity leaves the exit code at 0, so the answer itself is asked.
checklist='const r = JSON.parse(require("fs").readFileSync(0)); process.exit(r.schemaFindings || !r.result.tools.length ? 1 : 0)'

total=0
for era in "${eras[@]}"; do
	total=$((total + 1))
	inspect 0 --method tools/list --strict --protocol-era "$era"
	node -e "$checklist" <"$scratch/out" 2>/dev/null || fail "tools/list, $era" "no tools, or a schema with a finding"
done
# Every tool on offer has a row above, so that a new one is tried here too.
printf '%s\n' "${calls[@]%% *}" | sort >"$scratch/rows"
node -e 'for (const t of JSON.parse(require("fs").readFileSync(0)).result.tools) console.log(t.name)' <"$scratch/out" | sort >"$scratch/tools"
diff "$scratch/rows" "$scratch/tools" >"$scratch/err" || fail "rows against tools" "they differ"
for call in "${calls[@]}"; do
	read -r tool args want <<<"$call"
	total=$((total + 1))
	inspect "$want" --method tools/call --tool-name "$tool" --tool-args-json "$args"
done

printf '%s\n' "${prompts[@]%% *}" | sort >"$scratch/rows"
inspect 0 --method prompts/list
node -e 'for (const p of JSON.parse(require("fs").readFileSync(0)).result.prompts) console.log(p.name)' <"$scratch/out" | sort >"$scratch/prompts"
diff "$scratch/rows" "$scratch/prompts" >"$scratch/err" || fail "rows against prompts" "they differ"
given='const m = JSON.parse(require("fs").readFileSync(0)).result.messages; process.exit(m.length === 1 && m[0].content.text.includes("## Report") ? 0 : 1)'
for row in "${prompts[@]}"; do
	read -r prompt args <<<"$row"
	read -ra args <<<"${args:+--prompt-args $args}"
	for era in "${eras[@]}"; do
		total=$((total + 2))
		inspect 0 --method prompts/get --prompt-name "$prompt" --protocol-era "$era" ${args[@]+"${args[@]}"}
		node -e "$given" <"$scratch/out" 2>/dev/null || fail "$prompt, $era" "no text"
		inspect 1 --method prompts/get --prompt-name "$prompt" --protocol-era "$era" --prompt-args nonsense=1
		cat "$scratch/out" "$scratch/err" | grep -q 'unknown argument' || fail "$prompt, $era" "the error does not name the argument"
		[[ $prompt == fleet_review || $prompt == save_costs ]] || cat "$scratch/out" "$scratch/err" | grep -q 'is missing' || fail "$prompt, $era" "what is missing is not said"
	done
done

# Every page and template on offer has a row above and reads; every template's variable completes, and so do prompts' arguments.
listed='const r = JSON.parse(require("fs").readFileSync(0)).result; for (const x of r.resources ?? r.resourceTemplates) console.log(x.uri ?? x.uriTemplate)'
printf '%s\n' "${pages[@]}" | awk '$3 == 0 { print $2 }' | sort >"$scratch/rows"
for era in "${eras[@]}"; do
	: >"$scratch/pages"
	for method in resources/list resources/templates/list; do
		total=$((total + 1))
		inspect 0 --method "$method" --protocol-era "$era"
		node -e "$listed" <"$scratch/out" >>"$scratch/pages"
	done
	sort -o "$scratch/pages" "$scratch/pages"
	diff "$scratch/rows" "$scratch/pages" >"$scratch/err" || fail "rows against pages, $era" "they differ"
	for page in "${pages[@]}"; do
		read -r uri _ want <<<"$page"
		total=$((total + 1))
		inspect "$want" --method resources/read --uri "$uri" --protocol-era "$era"
	done
	mcpdo connect --server "$era" --era "$era" -- "$binary" --demo >"$scratch/out" 2>"$scratch/err" || fail "mcpdo connect, $era" "exit code $?"
	for completion in "${completions[@]}"; do
		read -r template variable typed want <<<"$completion"
		total=$((total + 1))
		kind=ref/prompt
		[[ $template != *://* ]] || kind=ref/resource
		if mcpdo --connection "$era" --format json prompts/complete --complete-ref-type "$kind" --complete-ref "$template" \
			--complete-arg-name "$variable" --complete-arg-value "$typed" >"$scratch/out" 2>"$scratch/err" && grep -q "\"$want\"" "$scratch/out"; then
			echo "ok    completion of $typed in $template, $era"
		else
			fail "completion of $typed in $template, $era" "does not offer $want"
		fi
	done
done

echo "inspector: $total asked, $failed problems"
[ "$failed" = 0 ]
