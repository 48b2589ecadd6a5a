#!/usr/bin/env bash
# Runs all that we assume of LiteLLM against another release than the locked one, in an environment of its own.
#
# contract.sh VERSION [pytest arguments]: what fails is what an upgrade would break. Writes .tools/litellm-VERSION.
set -euo pipefail
cd "$(dirname "$0")/.."

version="${1:?which release of LiteLLM? make contract LITELLM=1.109.0}"
shift
uv="$(ls .tools/bin/uv .tools/packages/bin/uv 2>/dev/null | head -n 1 || true)"
uv="${uv:-$(command -v uv)}"
environment=".tools/litellm-$version"

UV_PROJECT_ENVIRONMENT="$environment" "$uv" sync --quiet --frozen
# Its own wishes count, but for what pyproject.toml overrides too, and for the migrations of a database we do not use,
# which LiteLLM pins to a release that is not always there.
"$uv" pip install --quiet --python "$environment/bin/python" --override <(
    "$environment/bin/python" -c 'import tomllib
for line in tomllib.load(open("pyproject.toml", "rb"))["tool"]["uv"]["override-dependencies"]: print(line)
print("litellm-proxy-extras")'
) "litellm[proxy]==$version"
echo "contract: LiteLLM $version"
if [ "$#" -gt 0 ]; then
    exec "$environment/bin/pytest" "$@"
fi
exec "$environment/bin/pytest" tests/contract tests/proxy
