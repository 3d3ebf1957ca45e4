#!/usr/bin/env bash
# What somebody meets who has nothing of ours: builds wheel, source archive and extension from this checkout, installs them
# into an empty environment (no home, no compiler, no tools on the PATH, binary packages only), and uses them.
# Usage: clean_machine.sh [PYTHON]. Needs git and a package index; node and npm for the extension, which is left out without.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$(command -v "${1:-python3}")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/torchlean-clean.XXXXXX")
log=$scratch/log
finish() { # what went before is of interest where something failed
  local code=$?
  ((code == 0)) || tail -n 40 "$log" >&3
  rm -rf "$scratch"
}
exec 3>&2 >"$log" 2>&1
trap finish EXIT
mkdir "$scratch/home" "$scratch/work"
cd "$scratch/work"

began=$SECONDS
step() {
  printf '%4d s  %s\n' "$((SECONDS - began))" "$*" >&3
  printf '== %s\n' "$*"
}
die() { printf 'clean machine: %s\n' "$*"; exit 1; }
expect() { # CODE COMMAND…: runs it, and fails where it ends with another code
  local code=$1 got=0
  shift
  "$@" || got=$?
  [[ $got == "$code" ]] || die "\`$*\` ended with $got, expected $code"
}

# The machine's own way to a package index is all that is taken from around.
network=()
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CERT SSL_CERT_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
  [[ -z ${!name:-} ]] || network+=("$name=${!name}")
done
bin=$scratch/venv/bin
clean() { env -i HOME="$scratch/home" TMPDIR="$scratch" LANG=C.UTF-8 PATH="$bin" ${network[@]+"${network[@]}"} "$@"; }
install() { clean "$bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -c "$root/constraints.txt" "$@"; }

step "$("$python" --version): building wheel and source archive, twice"
git -C "$root" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' name; do
  [[ ! -e $root/$name ]] || printf '%s\0' "$name"
done | tar --create --file "$scratch/tree.tar" --directory "$root" --null --files-from -
mkdir "$scratch/tree" && tar --extract --file "$scratch/tree.tar" --directory "$scratch/tree"
"$python" -m venv "$scratch/builder"
"$scratch/builder/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" hatchling
(cd "$scratch/tree" && env -u SOURCE_DATE_EPOCH "$scratch/builder/bin/python" -m hatchling build -d "$scratch/dist" >/dev/null)
wheel=$(echo "$scratch"/dist/*.whl)
archive=$(echo "$scratch"/dist/*.tar.gz)
mkdir "$scratch/source" && tar --extract --file "$archive" --directory "$scratch/source" --strip-components 1
(cd "$scratch/source" && env -u SOURCE_DATE_EPOCH "$scratch/builder/bin/python" -m hatchling build -d "$scratch/again" >/dev/null)
cmp "$wheel" "$scratch/again/${wheel##*/}" || die "the wheel of the source archive differs"
cmp "$archive" "$scratch/again/${archive##*/}" || die "the source archive of the source archive differs"

step "installing the wheel into an empty environment, without torch"
"$python" -m venv "$scratch/venv"
install "$wheel"
clean "$bin/python" -m pip check
version=$(clean "$bin/torchlean" --version)
[[ $version == "$(clean "$bin/python" -m torchlean_core --version)" ]] || die "two versions: $version"
clean "$bin/torchlean" --version --verbose
clean "$bin/torchlean" completion bash | grep -q _shtab_torchlean

step "checking and serving, without torch"
cp "$root"/examples/generated/tiny_mlp.ir.json broken.ir.json
"$bin/python" - <<'EOF'
from pathlib import Path
file = Path("broken.ir.json")
text = file.read_text()
broken = text.replace('"shape": [1, 8]', '"shape": [1, 9]', 1)
assert broken != text
file.write_text(broken)
EOF
expect 0 clean "$bin/torchlean" check "$root"/examples/generated
expect 1 clean "$bin/torchlean" check broken.ir.json
expect 2 clean "$bin/torchlean" capture "$root/examples/tiny_mlp.py:TinyMLP" -o m.ir.json
clean "$bin/python" "$root/tests/release/ask_diagnostics.py" "$bin/torchlean" broken.ir.json TL201
expect 0 clean "$bin/torchlean" check --fix -q broken.ir.json

step "installing torch"
install "${wheel}[torch]"
clean "$bin/python" -m pip check

step "capturing, emitting, initializing, running, training"
cp "$root"/examples/tiny_mlp.py .
clean "$bin/torchlean" capture tiny_mlp.py:TinyMLP -o m.ir.json
clean "$bin/torchlean" check m.ir.json
clean "$bin/torchlean" emit m.ir.json
clean "$bin/torchlean" emit m.ir.json --check
clean "$bin/python" -c 'import m; m.TinyMLP()'
clean "$bin/torchlean" init m.ir.json --seed 7 --force
clean "$bin/torchlean" run m.ir.json --input random
clean "$bin/torchlean" train m.ir.json --steps 20 -q
clean "$bin/torchlean" graph m.ir.json --format svg -o m.svg -q
clean "$bin/torchlean" doctor >doctor.txt
expect 0 test -s m.trained.safetensors -a -s m.svg

step "testing from the source archive"
install pytest hypothesis jsonschema
(cd "$scratch/source" && clean "$bin/python" -m pytest -q -p no:cacheprovider tests/core/kinds)

if ! command -v npm >/dev/null; then
  step "without the extension: npm is not here"
else
  step "building the extension"
  (cd "$scratch/tree/editors/vscode" && npm ci --silent --no-audit --no-fund && npm run --silent package >/dev/null)
  vsix=$scratch/tree/editors/vscode/torchlean-ls.vsix
  size=$(stat --format %s "$vsix" 2>/dev/null || stat -f %z "$vsix")
  ((size < 2000000)) || die "the extension has $size bytes"
  entry=$(compgen -G "${TORCHLEAN_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/torchlean-e2e}/code-server-*/node_modules/code-server/out/node/entry.js" | head -n 1 || true)
  if [[ -z $entry ]]; then
    step "the extension is not installed: no code-server here (\`make e2e\` installs one)"
  else
    step "installing the extension"
    editor() {
      env HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home" XDG_DATA_HOME="$scratch/home" XDG_CACHE_HOME="$scratch/home" \
        node "$entry" --config "$scratch/home/config.yaml" --user-data-dir "$scratch/home/user" --extensions-dir "$scratch/home/extensions" "$@"
    }
    editor --install-extension "$vsix"
    editor --list-extensions --show-versions | grep -qx "torchlean.torchlean-ls@${version#* }" || die "the extension is not listed"
  fi
fi

for file in "$wheel" "$archive" ${vsix:+"$vsix"}; do
  printf '%10d bytes  %s\n' "$(wc -c <"$file")" "${file##*/}" >&3
done
step "all of it works"
