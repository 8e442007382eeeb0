#!/usr/bin/env bash
# Packs the bundle for Claude Desktop and fills in server.json for the registry, from what goreleaser has built: mcpb.sh DIST
# writes DIST/aura-mcp.mcpb and DIST/server.json (see make mcpb).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=${1:?usage: mcpb.sh DIST}
source .ci/npm.sh
npm_tool "mcpb-${MCPB_VERSION:?run this by make mcpb}" "@anthropic-ai/mcpb@$MCPB_VERSION"
npm_tool "ajv-${AJV_VERSION:?}" "ajv@$AJV_VERSION" ajv-formats@3
mcpb=$tools/mcpb-$MCPB_VERSION/node_modules/.bin/mcpb

stage=$dist/mcpb
rm -rf "$stage" "$dist/aura-mcp.mcpb"
mkdir -p "$stage/server"

# Claude Desktop tells systems apart and not processors: macOS gets both in one file, Windows on ARM runs the other's programs,
# and for Linux on ARM there is aura-mcp install.
take() {
	local found=("$dist"/$1)
	[ -f "${found[0]}" ] || { echo "$dist has no $1: run make mcpb" >&2; exit 1; }
	install -m 0755 "${found[0]}" "$stage/server/$2"
}
take '*darwin_all/aura-mcp' aura-mcp
take '*windows_amd64*/aura-mcp.exe' aura-mcp.exe
take '*linux_amd64*/aura-mcp' aura-mcp-linux

version=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).version' "$dist/metadata.json")
edit() { # FILE INTO JAVASCRIPT edits the object o
	node -e 'const fs = require("fs"), [, from, to, code, version, dist] = process.argv, o = JSON.parse(fs.readFileSync(from));
		new Function("o", "version", "sha256", code)(o, version, f => require("crypto").createHash("sha256").update(fs.readFileSync(dist + "/" + f)).digest("hex"));
		fs.writeFileSync(to, JSON.stringify(o, null, 2) + "\n");' "$1" "$2" "$3" "$version" "$dist"
}
edit packaging/mcpb/manifest.json "$stage/manifest.json" 'o.version = version'
"$mcpb" validate "$stage/manifest.json"
"$mcpb" pack "$stage" "$dist/aura-mcp.mcpb"

edit server.json "$dist/server.json" '
	o.version = version;
	for (const p of o.packages) {
		p.identifier = p.identifier.replaceAll("0.0.0", version);
		if (p.registryType === "mcpb") p.fileSha256 = sha256("aura-mcp.mcpb");
	}'
# The registry's own schema, out of its Go module; it names the one that counts.
registry=$(go mod download -json "github.com/modelcontextprotocol/registry@${REGISTRY_VERSION:?}" | node -p 'JSON.parse(require("fs").readFileSync(0)).Dir')
NODE_PATH=$tools/ajv-$AJV_VERSION/node_modules node -e '
	const fs = require("fs"), [, registry, file] = process.argv, o = JSON.parse(fs.readFileSync(file));
	const wanted = /CurrentSchemaVersion\s*=\s*"([^"]+)"/.exec(fs.readFileSync(registry + "/pkg/model/constants.go", "utf8"))[1];
	const named = /schemas\/([^/]+)\//.exec(o.$schema)[1];
	if (named !== wanted) { console.error(`server.json is of schema ${named}, the registry wants ${wanted}`); process.exit(1); }
	const Ajv = require("ajv").default, ajv = new Ajv({ strict: false, allErrors: true });
	require("ajv-formats").default(ajv);
	const valid = ajv.compile(JSON.parse(fs.readFileSync(`${registry}/internal/validators/schemas/${wanted}.json`)));
	if (!valid(o)) { console.error(valid.errors); process.exit(1); }
	console.log(`${file} is valid by schema ${wanted}`);' "$registry" "$dist/server.json"
