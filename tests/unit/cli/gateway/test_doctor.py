"""What `thriftgate doctor` says about machines that lack something, without ever saying a secret."""

import socket
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from thriftgate.cli.gateway import doctor
from thriftgate.cli.gateway.doctor import Diagnosis
from thriftgate.config import EmbedderConfig, LoadedConfig, ThriftgateConfig
from thriftgate.stores.defender import files as defender_files

GOOD = Path(__file__).parent.parent.parent.parent / "config" / "good"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-key")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-not-a-key-but-long-enough")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_this_python_and_its_packages_are_in_order() -> None:
    assert doctor.check_python().status == "ok"
    assert [finding.status for finding in doctor.check_packages()] == ["ok"]


def test_an_old_python_is_named_with_those_that_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_OLDEST_PYTHON", (3, 99))
    finding = doctor.check_python()
    assert finding.status == "failed"
    assert "3.11, 3.12 or 3.13" in finding.words


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["click>=8.1", "no-such-package[extra]>=1; os_name!='nt'"]

    def requires(_name: str) -> list[str]:
        return declared

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    assert doctor.check_packages()[0] == Diagnosis(
        "packages", "failed", "not installed: no-such-package; run `make run` or `uv sync`"
    )


def test_every_mistake_of_the_configuration_is_a_finding() -> None:
    findings = doctor.check_configuration(GOOD.parent / "bad" / "many_mistakes.yaml", [])
    assert len(findings) == 6
    assert {finding.status for finding in findings} == {"failed"}


def test_it_is_said_by_what_attacks_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    routes: dict[str, Any] = {"r": {"cascade": {"tiers": [{"model": "m"}]}}}

    def words(**guards: Any) -> str:
        (found,) = doctor._attempt(  # pyright: ignore[reportPrivateUsage]
            "guards", lambda: doctor.check_attack_guard(ThriftgateConfig.model_validate({"routes": routes, **guards}))
        )
        return f"{found.status}: {found.words}"

    assert words() == "ok: off: nothing looks for attacks in requests"
    assert words(guards={}).startswith("ok: attacks are looked for by words, and by Defender ")
    off: dict[str, Any] = {"injection": {"action": "off", "tools": "off"}}
    assert words(guards=off) == "ok: attacks are not looked for: `injection` and `tools` are off everywhere"
    assert "by Defender" in words(guards={**off, "models": {"m": {"actions": {"tools": "flag"}}}})
    monkeypatch.setattr(defender_files, "WHEEL", "no-such-wheel")
    assert words(guards={}).startswith("failed: the model of attacks needs the package no-such-wheel: run `uv sync`")
    assert words(guards={"injection": {"model": "none"}}).startswith("ok: attacks are looked for by words alone")


def test_without_any_key_the_demo_provider_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    findings = doctor.check_configuration(GOOD / "support.yaml", [])
    assert [finding.status for finding in findings] == ["ok", "note"]
    assert "demo provider" in findings[1].words


def test_with_some_keys_a_tier_without_one_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    findings = doctor.check_configuration(GOOD / "support.yaml", [])
    assert [finding.status for finding in findings] == ["failed"]


def test_a_key_is_reported_by_its_variable_and_never_by_its_value() -> None:
    loaded: list[LoadedConfig] = []
    doctor.check_configuration(GOOD / "support.yaml", loaded)
    findings = doctor.check_providers(loaded[0])
    assert [(finding.subject, finding.status) for finding in findings] == [
        ("small: anthropic/claude-haiku-4-5", "ok"),
        ("large: anthropic/claude-opus-4-5", "ok"),
        ("large: openai/gpt-5", "note"),
    ]
    assert "OPENAI_API_KEY" in findings[2].words
    assert "not-a-key" not in str(findings)


async def test_without_redis_the_cache_is_served_from_elsewhere() -> None:
    (finding,) = await doctor.check_redis(ThriftgateConfig(routes={}))
    assert finding.status == "ok"


async def test_a_redis_that_does_not_answer_is_named_without_its_password(free_port: int) -> None:
    (finding,) = await doctor.check_redis(
        ThriftgateConfig(routes={}, redis_url=f"redis://:hunter2@127.0.0.1:{free_port}/0")
    )
    assert finding.status == "failed"
    assert "hunter2" not in finding.words


async def test_the_embedded_database_is_started_and_described(tmp_path: Path) -> None:
    from thriftgate.stores.embedded.database import release_database

    finding = await doctor.check_database(ThriftgateConfig(routes={}, data_dir="data"), tmp_path)
    release_database(tmp_path / "data")
    assert finding.status == "ok"
    assert finding.words.startswith("embedded PostgreSQL 18")
    assert "with pgvector" in finding.words


def test_a_full_disk_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.check_disk(tmp_path).words.endswith("free") or "want" in doctor.check_disk(tmp_path).words
    monkeypatch.setattr(doctor, "_FREE_DISK_BYTES", 2**62)
    assert doctor.check_disk(tmp_path).status == "note"


def test_a_running_gateway_answers(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health/liveliness").respond_with_data("I'm alive!")
    finding = doctor.diagnose_gateway(httpserver.url_for("/"), httpserver.port)
    assert (finding.status, finding.words.split()[0]) == ("ok", "running")


def test_something_else_on_the_port_is_no_gateway(httpserver: HTTPServer) -> None:
    finding = doctor.diagnose_gateway(httpserver.url_for("/"), httpserver.port)
    assert finding.status == "failed"


def test_a_free_port_is_only_a_note(free_port: int) -> None:
    finding = doctor.diagnose_gateway(f"http://127.0.0.1:{free_port}", free_port)
    assert finding.status == "note"
    assert "is free" in finding.words


def test_a_port_that_accepts_but_never_speaks_http_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PATIENCE", 0.1)
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = int(listener.getsockname()[1])
        assert doctor.diagnose_gateway(f"http://127.0.0.1:{port}", port).status == "failed"


def test_a_base_url_of_another_kind_is_refused() -> None:
    assert doctor.diagnose_gateway("file:///etc", 4000).status == "failed"


def test_a_check_that_breaks_is_reported_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Diagnosis:
        raise RuntimeError("postgresql://root:hunter2@db")

    monkeypatch.setattr(doctor, "check_python", broken)
    findings = list(doctor.examine(tmp_path / "none.yaml", port=1, base_url="http://127.0.0.1:1"))
    assert findings[0].status == "failed"
    assert "RuntimeError" in findings[0].words
    assert "hunter2" not in str(findings)


def test_the_embedder_is_named_with_what_it_makes(tmp_path: Path) -> None:
    usual = doctor.check_embedder(ThriftgateConfig(routes={}), tmp_path)
    assert (usual.status, usual.words) == ("ok", "local (MiniLM), 384 numbers each")
    fast = doctor.check_embedder(ThriftgateConfig(routes={}, embedder=EmbedderConfig(model="fast")), tmp_path)
    assert fast.words == "fast (static word vectors: less CPU, fewer hits), 256 numbers each"
