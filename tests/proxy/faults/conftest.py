"""One gateway for this folder: the shipped configuration with its models and route, and more groups and routes.

Nothing of the shipped file is changed but where the providers are; `OPENAI_BASE_URL` and `ANTHROPIC_API_BASE` point its
deployments at the played ones.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import yaml
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, MASTER_KEY, ROOT, GatewayProcess, deployment, free_port, route, running
from tests.proxy.faults.native_providers import native_deployments, play_natives
from tests.proxy.upstream import Upstream
from werkzeug import Request, Response

HAIKU, OPUS, MINI, GPT = "claude-haiku-4-5", "claude-opus-4-6", "gpt-5.4-mini", "gpt-5.4"
"""What the providers call the shipped models."""
ODD_CHAT, ODD_MESSAGES = 44, 18
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}


def claude(name: str, model: str, **params: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"anthropic/{model}", "api_key": "sk-none", **params}}


def faults_config(upstream_url: str) -> dict[str, Any]:
    """The shipped configuration with what the inputs name beside it."""
    config = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
    dead = f"http://127.0.0.1:{free_port()}/v1"
    config["model_list"] += [
        deployment("o-small", upstream_url),
        deployment("o-large", upstream_url),
        deployment("o-thinks", upstream_url, model="gpt-5.4"),
        {"model_name": "other-large", "litellm_params": {"model": "hosted_vllm/other-large", "api_base": upstream_url}},
        deployment("c-small", upstream_url, model="my-llama"),
        {"model_name": "c-vllm", "litellm_params": {"model": "hosted_vllm/c-vllm", "api_base": upstream_url}},
        {"model_name": "info-large",
         "litellm_params": {"model": "hosted_vllm/info-large", "api_base": upstream_url, "api_key": "sk-none"},
         "model_info": {"input_cost_per_token": 10e-6, "output_cost_per_token": 20e-6}},
        claude("haiku", HAIKU),
        claude("opus", OPUS),
        deployment("broken-strong", dead, model="broken-primary", order=1),
        deployment("broken-strong", upstream_url, model="broken-backup", order=2),
        deployment("mixed-large", upstream_url, model="mixed-gpt", order=1),
        claude("mixed-large", "claude-sonnet-4-5", order=2),
        *native_deployments(upstream_url.removesuffix("/v1")),
    ]  # fmt: skip
    calm: dict[str, Any] = {"cooldown_time": 0, "num_retries": 0}
    config["model_list"] += [
        deployment("any-openai", upstream_url, **calm),
        claude("any-claude", "any-claude", **calm),
        {"model_name": "any-vllm",
         "litellm_params": {"model": "hosted_vllm/any-vllm", "api_base": upstream_url, **calm}},
    ]  # fmt: skip
    config["model_list"] += [deployment(f"odd-{place}", upstream_url) for place in range(ODD_CHAT)]
    config["model_list"] += [claude(f"odd-claude-{place}", f"odd-claude-{place}") for place in range(ODD_MESSAGES)]
    two: dict[str, Any] = {"tiers": [{"model": "o-small"}, {"model": "o-large"}], "accept_at": 0.8, "holdout": 0,
                           "audit": {"share": 0}}  # fmt: skip
    cache = {"max_error": 0.01, "ttl": "10m", "verify": {"share": 0}}
    routes: dict[str, Any] = {
        "one": {"cascade": {"tiers": [{"model": "o-large"}]}},
        "plainroute": {"cascade": two},
        "cached": {"cascade": two, "cache": cache},
        "croute": {"cascade": {**two, "tiers": [{"model": "c-small"}, {"model": "o-large"}]}},
        "cachedvllm": {"cascade": {"tiers": [{"model": "c-vllm"}]}, "cache": cache},
        "infoone": {"cascade": {"tiers": [{"model": "info-large"}]}},
        "otherone": {"cascade": {"tiers": [{"model": "other-large"}]}},
        "thinksone": {"cascade": {"tiers": [{"model": "o-thinks"}]}},
        "vllmfirst": {"cascade": {**two, "tiers": [{"model": "other-large"}, {"model": "opus"}]}},
        "claude": {"cascade": {**two, "tiers": [{"model": "haiku"}, {"model": "opus"}]}, "cache": cache},
        "claudeone": {"cascade": {"tiers": [{"model": "opus"}]}},
        "broken": {"cascade": {"tiers": [{"model": "broken-strong"}]}},
        "mixed": {"cascade": {**two, "tiers": [{"model": "haiku"}, {"model": "o-large"}]}},
        "gemini": {"cascade": {"tiers": [{"model": "gemini-flash"}]}},
        "geminifirst": {"cascade": {**two, "tiers": [{"model": "gemini-flash"}, {"model": "o-large"}]}, "cache": cache},
        "bedrock": {"cascade": {"tiers": [{"model": "bedrock-nova"}]}},
        "ollama": {"cascade": {"tiers": [{"model": "ollama-llama"}]}},
        "bedrockclaude": {"cascade": {"tiers": [{"model": "bedrock-claude"}]}},
        "mixedgroup": {"cascade": {"tiers": [{"model": "mixed-large"}]}},
    }
    for group in (
        "any-openai",
        "any-claude",
        "any-vllm",
        *(f"odd-{place}" for place in range(ODD_CHAT)),
        *(f"odd-claude-{place}" for place in range(ODD_MESSAGES)),
    ):
        # Each oddity has a tier of its own, or one that nothing closes: else the next one would never be seen.
        routes[f"{group}-first"] = {"cascade": {**two, "tiers": [{"model": group}, {"model": "o-large"}]}}
        routes[f"{group}-only"] = {"cascade": {"tiers": [{"model": group}]}}
    config["model_list"] += [route(name) for name in routes]
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"] |= routes
    ours["prompts_dir"] = str(ROOT / "prompts")
    ours["ledger"] = {"flush_interval": "50ms"}
    config["general_settings"] |= {"custom_auth": "auth.authenticate", "background_health_checks": False}
    config["router_settings"]["model_group_alias"] = {
        "chatbot": "cached", "assistant": {"model": "chatbot", "hidden": True}, "round": "about", "about": "round",
    }  # fmt: skip
    config["litellm_settings"]["callbacks"] = ["spend.recorder"]
    return config


@pytest.fixture(scope="session")
def faults_process(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    play_natives(provider_server, upstream.base_url.removesuffix("/v1"))
    environ = {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-none",
        "ANTHROPIC_API_BASE": upstream.base_url.removesuffix("/v1"),
        "ANTHROPIC_API_KEY": "sk-none",
    }
    with running("faults", faults_config(upstream.base_url), upstream, **environ) as gateway:
        yield gateway


@pytest.fixture
def gateway(faults_process: GatewayProcess) -> GatewayProcess:
    faults_process.upstream.forget()
    return faults_process


def ask(gateway: GatewayProcess, dialect: str, model: str, said: Any = "hi", /, **fields: Any) -> httpx.Response:
    """One question in a dialect, with whatever fields."""
    body: dict[str, Any] = {"model": model}
    if dialect == "responses":
        body["input"] = said
    else:
        body["messages"] = [{"role": "user", "content": said}]
    if dialect == "messages":
        body["max_tokens"] = 100
    return gateway.post(PATHS[dialect], {**body, **fields})


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers to several requests that are under way together."""
    with ThreadPoolExecutor(6) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def fetched_paths(server: HTTPServer, paths: Iterable[str]) -> list[str]:
    """Serves these paths from now on; the list grows by each that is asked for."""
    fetched: list[str] = []

    def serve(request: Request) -> Response:
        fetched.append(request.path)
        return Response("{}", 200)

    for path in paths:
        server.expect_request(path).respond_with_handler(serve)
    return fetched


def raw_post(gateway: GatewayProcess, path: str, content: bytes, key: str = CLIENT_KEY) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return httpx.post(f"{gateway.base_url}{path}", content=content, headers=headers, timeout=60, verify=False)


def decision(response: httpx.Response) -> str:
    return response.headers["x-thriftgate-decision"]


def error_of(response: httpx.Response) -> Mapping[str, Any]:
    """A client's error, after what holds for all of them: a sentence, and nothing of our insides."""
    told = json.loads(response.text)["error"]
    assert "Traceback" not in response.text
    assert "/site-packages/" not in response.text
    assert "litellm." not in told["message"]
    assert len(told["message"]) > 10
    return told


def text_of(response: httpx.Response) -> str:
    """What a whole answer says, in whatever dialect."""
    assert response.status_code == 200, response.text
    body = response.json()
    if "choices" in body:
        return str(body["choices"][0]["message"]["content"])
    if "content" in body:
        return "".join(block.get("text", "") for block in body["content"])
    return "".join(part.get("text", "") for item in body["output"] for part in item.get("content", ()))
