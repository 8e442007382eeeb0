#!/usr/bin/env bash
# Builds everything that a release has, in dist, and tries it: archives for six systems with checksums and a bill of materials,
# the bundle for Claude Desktop, server.json for the registry, manual pages, completions, the image. What this machine cannot
# try is said and counted (see make release-check).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/npm.sh
skipped=0
title() { printf '\n== %s\n' "$*"; }
skip() { echo "SKIPPED: $*"; skipped=$((skipped + 1)); }
has() { command -v "$1" >/dev/null; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

title "archives, checksums, bills of materials"
"$GORELEASER" check
mkdir "$scratch/path"
ln -s "$SYFT" "$scratch/path/syft"
PATH=$scratch/path:$PATH "$GORELEASER" release --snapshot --clean
(cd dist && sha256sum --check --quiet checksums.txt)
archives=(dist/*.tar.gz dist/*.zip)
[ ${#archives[@]} = 6 ] || { echo "${#archives[@]} archives, want 6" >&2; exit 1; }
for archive in "${archives[@]}"; do
	grep -q 'github.com/spf13/cobra' "$archive.sbom.json"
done
tar -tzf dist/*linux_amd64.tar.gz | sort | tee "$scratch/listing"
for file in aura-mcp README.md completions/aura-mcp.bash man/aura-mcp.1 man/aura-mcp-install.1 docs/clients.md; do
	grep -qx "$file" "$scratch/listing" || { echo "the archive has no $file" >&2; exit 1; }
done

title "the same commit builds the same program elsewhere"
git worktree add --quiet --detach "$scratch/elsewhere" HEAD
for dir in . "$scratch/elsewhere"; do
	(cd "$dir" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$scratch/program" . && sha256sum "$scratch/program" | cut -d' ' -f1)
done | tee "$scratch/sums"
git worktree remove --force "$scratch/elsewhere"
if [ -n "$(git status --porcelain)" ]; then
	skip "comparing them: this tree differs from its commit"
else
	[ "$(sort -u "$scratch/sums" | wc -l)" = 1 ]
fi

title "the bundle for Claude Desktop, and server.json"
bash .ci/mcpb.sh dist
"$tools/mcpb-$MCPB_VERSION/node_modules/.bin/mcpb" unpack dist/aura-mcp.mcpb "$scratch/bundle"
node .ci/mcpb-try.mjs "$tools/mcpb-$MCPB_VERSION/node_modules/@anthropic-ai/mcpb" "$scratch/bundle"

title "manual pages and completions"
for page in bin/release/man/*.1; do
	if has man; then
		[ -z "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ] || { echo "$page has mistakes" >&2; exit 1; }
	fi
done
has man || skip "manual pages: no man here"
bash -n bin/release/completions/aura-mcp.bash
if has zsh; then zsh -n bin/release/completions/_aura-mcp; else skip "completions of zsh: no zsh here"; fi
if has fish; then fish --no-execute bin/release/completions/aura-mcp.fish; else skip "completions of fish: no fish here"; fi

title "the image"
golang=golang:$(sed -n 's/^ARG GO_VERSION=//p' Dockerfile)
if docker info >/dev/null 2>&1; then
	make -s image
	docker run --rm aura-mcp version
	docker run --rm aura-mcp call list_instances --demo >"$scratch/list"
	grep -q prod-orders "$scratch/list"
elif has buildah && base=$(buildah pull --quiet --policy missing "${GO_IMAGE:-docker.io/library/$golang}" 2>/dev/null); then
	buildah build --quiet --isolation chroot --build-context "$golang=container-image://$base" \
		--build-arg "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)" --tag localhost/aura-mcp . >/dev/null
	container=$(buildah from localhost/aura-mcp)
	[ "$(buildah inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' "$container")" = "65532:65532 [/aura-mcp]" ]
	buildah run --isolation chroot "$container" /aura-mcp version
	buildah run --isolation chroot "$container" /aura-mcp call list_instances --demo >"$scratch/list"
	grep -q prod-orders "$scratch/list"
	buildah rm "$container" >/dev/null
	echo "built and run by buildah, without an engine"
else
	skip "building the image: no Docker engine here, and no buildah with the image $golang (GO_IMAGE may name one). What it does is tried by hand instead:"
	mkdir -p "$scratch/root/home/aura"
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$scratch/root/aura-mcp" .
	if ldd "$scratch/root/aura-mcp" 2>/dev/null; then echo "the program is not static" >&2; exit 1; fi
	if [ "$(id -u)" = 0 ] && has setpriv; then
		chown -R 65532:65532 "$scratch/root/home"
		chmod 755 "$scratch" "$scratch/root"
		empty=(env -i PATH="$PATH" HOME=/home/aura chroot --userspec=65532:65532 "$scratch/root")
		"${empty[@]}" /aura-mcp version
		"${empty[@]}" /aura-mcp call list_instances --demo >"$scratch/list"
		grep -q prod-orders "$scratch/list"
		echo "runs in an empty directory as user 65532"
	else
		skip "an empty root directory: needs the superuser"
	fi
fi

printf '\nrelease-check: everything holds, %d skipped\n' "$skipped"
