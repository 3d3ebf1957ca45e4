#!/usr/bin/env bash
# Drives the VS Code extension in a real workbench (code-server) in a real browser.
# Usage: run.sh [OUTPUT_DIR]; README.md in the folder above says what it needs and which variables it reads.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
output=${1:-${TORCHLEAN_E2E_OUTPUT:-}}
cache=${TORCHLEAN_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/torchlean-e2e}

unset PYTHONDONTWRITEBYTECODE  # no user's server compiles its sources at each start

say() { printf 'e2e: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v node >/dev/null || die "Node.js 20 or 24 is needed."
node_major=$(node -p 'process.versions.node.split(".")[0]')
case $node_major in
  20) code_server=4.100.3 ;;
  24) code_server=4.139.1 ;;
  *) die "Node.js 20 or 24 is needed (code-server supports no other); this is $(node --version)." ;;
esac

browser=${TORCHLEAN_E2E_BROWSER:-}
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  [[ -n $browser ]] || browser=$(command -v "$name" || true)
done
if [[ -z $browser ]]; then
  say "No Chromium found. On Debian or Ubuntu:"
  say "  apt-get install -y --no-install-recommends chromium fonts-dejavu-core make g++ python3"
  die "or set TORCHLEAN_E2E_BROWSER to a Chromium or Chrome."
fi

server=${TORCHLEAN_E2E_SERVER:-}
[[ -n $server || ! -x $root/.venv/bin/torchlean ]] || server=$root/.venv/bin/torchlean
[[ -n $server ]] || server=$(command -v torchlean || true)
[[ -x $server ]] || die "No torchlean program: install the package, or set TORCHLEAN_E2E_SERVER."

# The extension: a given package, or one built now from the sources.
vsix=${TORCHLEAN_E2E_VSIX:-}
if [[ -z $vsix ]]; then
  extension=$root/editors/vscode
  vsix=$extension/torchlean-ls.vsix
  newer=$([[ ! -f $vsix ]] || find "$extension" -name node_modules -prune -o -name dist -prune -o -type f -newer "$vsix" -print -quit)
  if [[ ! -f $vsix || -n $newer ]]; then
    say "building the extension"
    (
      cd "$extension"
      [[ -d node_modules && ! package-lock.json -nt node_modules/.package-lock.json ]] || npm ci --no-audit --no-fund
      npm run package
    ) >&2
  fi
fi
[[ -f $vsix ]] || die "$vsix does not exist."

# Installs into a new folder and renames it when it is complete: an interrupted install leaves nothing behind that looks usable.
install_once() {
  local target=$1 step=$2
  [[ ! -d $target ]] || return 0
  say "installing $(basename "$target") (once, into $cache)"
  mkdir -p "$cache"
  local fresh
  fresh=$(mktemp -d "$cache/.new.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  (cd "$fresh" && "$step") >"$cache/install.log" 2>&1 || {
    tail -n 30 "$cache/install.log" >&2
    die "the install failed; log: $cache/install.log"
  }
  mv "$fresh" "$target"
  trap - EXIT
}

install_code_server() {
  echo '{"private": true}' >package.json
  # Scripts are left out: one of them downloads a program that nothing here uses. The native modules are built by name.
  npm install --ignore-scripts --no-audit --no-fund "code-server@$code_server" || return 1
  npm rebuild argon2 || return 1
  cd node_modules/code-server/lib/vscode || return 1
  npm install --omit=dev --ignore-scripts --no-audit --no-fund || return 1
  npm rebuild @vscode/spdlog native-watchdog || return 1
  [[ -e node_modules.asar ]] || ln -s node_modules node_modules.asar
}

install_harness() {
  cp "$here/package.json" "$here/package-lock.json" . && npm ci --ignore-scripts --no-audit --no-fund
}

playwright=$(node -p "require('$here/package.json').dependencies['playwright-core']")
install_once "$cache/code-server-$code_server-node$node_major" install_code_server
install_once "$cache/playwright-$playwright" install_harness

[[ -n $output ]] || output=$(mktemp -d "${TMPDIR:-/tmp}/torchlean-e2e.XXXXXX")
mkdir -p "$output"
say "screenshots and logs: $output"

exec node "$here/run.mjs" \
  --code-server "$cache/code-server-$code_server-node$node_major/node_modules/code-server/out/node/entry.js" \
  --playwright "$cache/playwright-$playwright/node_modules/playwright-core" \
  --lanes "${TORCHLEAN_E2E_LANES:-2}" ${TORCHLEAN_E2E_ONLY:+--only "$TORCHLEAN_E2E_ONLY"} \
  --browser "$browser" --server "$server" --vsix "$vsix" --output "$output"
