#!/usr/bin/env bash
# Sets up the native addon of TensorFlow.js (engine tfjs:node) from PyPI's TensorFlow wheel, for machines that cannot reach the host
# that @tensorflow/tfjs-node's own install script downloads from, and for TensorFlow versions that it does not offer. linux-x64.
#
#   scripts/tfjs-node-from-wheel.sh          TensorFlow for the CPU: tfjs:node
#   scripts/tfjs-node-from-wheel.sh --gpu    TensorFlow with CUDA 12 and cuDNN 8: tfjs:cuda (these libraries must be installed)
#
# Needs npm, pip, g++ and Node's headers. Touches node_modules only; npm ci undoes it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.22.0      # of TensorFlow.js
tensorflow=2.15.1   # its C interface is what the addon calls; the last one whose headers it was seen to compile with
package=tfjs-node
wheel=tensorflow-cpu
if [ "${1:-}" = "--gpu" ]; then package=tfjs-node-gpu; wheel=tensorflow; fi
target=node_modules/@tensorflow/$package

[ "$(uname -sm)" = "Linux x86_64" ] || { echo "linux-x64 only, this is $(uname -sm)" >&2; exit 2; }
for candidate in "$(npm config get nodedir 2>/dev/null)/include/node" \
  "$(dirname "$(dirname "$(node -p process.execPath)")")/include/node" /usr/include/node; do
  if [ -f "$candidate/node_api.h" ]; then headers=$candidate; break; fi
done
[ -n "${headers:-}" ] || { echo "node_api.h was not found; Debian has it in libnode-dev" >&2; exit 2; }

npm install --no-save --save-optional --ignore-scripts "@tensorflow/$package@$version"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Of whatever Python: only the shared libraries and headers inside are used.
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 \
  --platform manylinux_2_17_x86_64 --dest "$folder" "$wheel==$tensorflow"
python3 - "$folder" "$target/deps" <<'PYTHON'
import glob, os, shutil, sys, zipfile
[wheel] = glob.glob(sys.argv[1] + "/*.whl")
deps = sys.argv[2]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        base = os.path.basename(name)
        if name.startswith("tensorflow/include/") and not name.endswith("/"):
            path = os.path.join(deps, name[len("tensorflow/"):])
        elif name in ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"):
            path = os.path.join(deps, "lib", base)
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as out:
            shutil.copyfileobj(source, out)
PYTHON

mkdir -p "$target/lib/napi-v8"
g++ -O2 -fPIC -shared -std=c++17 -DNAPI_VERSION=8 -I"$headers" -I"$target/deps/include" \
  "$target/binding/tfjs_backend.cc" "$target/binding/tfjs_binding.cc" -o "$target/lib/napi-v8/tfjs_binding.node" \
  -L"$target/deps/lib" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 '-Wl,-rpath,$ORIGIN/../../deps/lib'
rm -rf "$target/deps/include"

node -e "require('@tensorflow/$package')" 2>&1 | grep -v -i "cpu_feature_guard\|to enable the following" || true
[ -f dist/cli/main.js ] || npm run --silent build
node bin/gradflow.js doctor | grep -A1 "tfjs:"
