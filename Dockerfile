# syntax=docker/dockerfile:1
# The gateway: the LiteLLM proxy with thriftgate, without litellm-enterprise and without torch (both overridden in uv.lock).
FROM python:3.12.12-slim-bookworm AS build
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml uv.lock README.md ./
# The dependencies alone first: this layer is built again only when the lock changes.
RUN uv sync --frozen --no-dev --no-install-project
COPY plugins ./plugins
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.12.12-slim-bookworm
RUN useradd --create-home --uid 10001 gateway
# Not /thriftgate, and no folder of that name in it: LiteLLM would execute it as the plugin, beside the package.
WORKDIR /gateway
COPY --from=build /build/.venv /build/.venv
COPY litellm_config.yaml ./
COPY prompts ./prompts
RUN mkdir .thriftgate && chown -R gateway:gateway /gateway
ENV PATH=/build/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LITELLM_LOCAL_MODEL_COST_MAP=True \
    TIMEOUT_WORKER_HEALTHCHECK=300
USER gateway
EXPOSE 4000
VOLUME /gateway/.thriftgate
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=4)"]
# `up` drops deployments without a key and plays all of them offline when there is none; `check` runs first either way.
ENTRYPOINT ["thriftgate", "up", "--host", "0.0.0.0"]
