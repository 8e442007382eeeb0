#!/usr/bin/env bash
# Makes sure that there is a Chromium for the tests that click on pages. Debian and Ubuntu get it from their packages.
set -euo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$name" >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
	echo "install Chromium or Chrome, then run this again" >&2
	exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null
