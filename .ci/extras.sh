#!/usr/bin/env bash
# Writes what packages hold beside the program, manual pages and completions of the shells, into bin/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
into=bin/release
rm -rf "$into"
mkdir -p "$into/completions"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) go run ./internal/manpages "$into/man"
program=$into/aura-mcp
go build -o "$program" .
"$program" completion bash >"$into/completions/aura-mcp.bash"
"$program" completion zsh >"$into/completions/_aura-mcp"
"$program" completion fish >"$into/completions/aura-mcp.fish"
"$program" completion powershell >"$into/completions/aura-mcp.ps1"
rm "$program"
