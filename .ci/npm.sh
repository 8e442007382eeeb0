# To be sourced: packages of npm in .tools, pinned by whoever asks for them. Needs Node.js 20 or newer.

tools=$PWD/.tools

# npm_tool NAME PACKAGE... puts npm packages into .tools/NAME, once: under another name first, so that an interrupted install
# is not taken for a whole one. No package's own scripts run.
npm_tool() {
	local into=$tools/$1
	shift
	[ -d "$into" ] && return
	command -v npm >/dev/null || { echo "this needs npm, which comes with Node.js 20 or newer" >&2; exit 1; }
	echo "installing $* into ${into#"$PWD"/}, once"
	rm -rf "$into.new"
	mkdir -p "$into.new"
	npm install --prefix "$into.new" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$@"
	mv "$into.new" "$into"
}
