"""The container setup, as far as it can be held to its word without a Docker engine."""

import re
import runpy
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPO / "Dockerfile").read_text()
SECRETS: dict[str, Any] = runpy.run_path(str(REPO / "scripts" / "make_secrets.py"))


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_and_no_service_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    image, _, tag = service["image"].partition(":")
    assert re.search(r"\d+\.\d+", tag), f"{image} has no pinned version"
    assert service.get("user", "") not in ("root", "0")
    assert "user" in service or name == "gateway"
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_when_it_is_healthy(name: str) -> None:
    assert "healthcheck" in SERVICES[name] or (name == "gateway" and "HEALTHCHECK" in DOCKERFILE)


def test_the_gateway_waits_for_its_stores_to_be_healthy() -> None:
    waits = SERVICES["gateway"]["depends_on"]
    assert {name: wait["condition"] for name, wait in waits.items()} == dict.fromkeys(waits, "service_healthy")
    assert set(waits) == {"postgres", "redis"}


def test_every_named_volume_is_declared_and_every_store_has_one() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert mounted == set(COMPOSE["volumes"])


def test_every_variable_is_one_that_make_secrets_writes() -> None:
    named = set(re.findall(r"\$\{([A-Z_]+)", (REPO / "docker-compose.yml").read_text()))
    assert named <= set(SECRETS["environment"]())


def test_the_configuration_reads_the_stores_that_the_compose_file_names() -> None:
    section = yaml.safe_load((REPO / "litellm_config.yaml").read_text())["callback_settings"]["thriftgate"]
    given = {f"os.environ/{name}" for name in SERVICES["gateway"]["environment"]}
    assert {section["database_url"], section["redis_url"]} <= given


def test_the_image_runs_as_nobody_special_from_a_folder_without_a_thriftgate_in_it() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root)\w+$", last_stage, re.MULTILINE)
    assert not re.search(r"COPY (?!--from)[^\n]*plugins", last_stage)
    assert "--no-dev" in DOCKERFILE


@pytest.mark.parametrize("package", ["litellm-enterprise", "torch", "sentence-transformers"])
def test_what_must_not_be_in_the_image_is_not_in_the_lock(package: str) -> None:
    assert f'name = "{package}"\nversion' not in (REPO / "uv.lock").read_text()


def test_secrets_are_drawn_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    assert SECRETS["write"](target) is True
    first = target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert SECRETS["write"](target) is False
    assert target.read_text() == first
    assert SECRETS["environment"]() != SECRETS["environment"]()


def test_secrets_stay_out_of_git() -> None:
    assert ".env" in (REPO / ".gitignore").read_text().split()
