"""The container setup, as far as it can be held to its word without a Docker engine."""

import ast
import json
import re
import runpy
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import compose_spec
import pytest
import yaml

from thriftgate.config import from_section

REPO = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPO / "Dockerfile").read_text()
SECRETS: dict[str, Any] = runpy.run_path(str(REPO / "scripts" / "make_secrets.py"))

LANGFUSE = {name: service for name, service in SERVICES.items() if name.startswith("langfuse-")}
METRICS = ("prometheus", "grafana")
DECLARE_THEIR_OWN_USER = {"langfuse-web", "langfuse-worker"}
"""Their images end with a USER of their own."""
ROOT_WITHOUT_POWERS = {"langfuse-objects"}
"""A new volume belongs to root, and the image has no user to give it to."""


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.is_file():
        pytest.skip("hadolint is installed for Linux on x86-64 alone")
    done = subprocess.run([hadolint, REPO / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class MergedLoader(yaml.SafeLoader):
    """Reads a compose file that lies over another: what its tags take away is gone, what they put there stays."""


MergedLoader.add_constructor("!reset", lambda loader, node: None)
MergedLoader.add_constructor(
    "!override", lambda loader, node: loader.construct_sequence(cast("yaml.SequenceNode", node), deep=True)
)


def fits_the_specification(compose: Mapping[str, Any]) -> None:
    """Raises ValueError where Compose's specification does not allow something."""
    services: dict[str, dict[str, Any]] = {
        name: {key: value for key, value in service.items() if value is not None}
        for name, service in compose["services"].items()
    }
    compose_spec.PyCompose.from_json(json.dumps({**compose, "services": services})).validate()


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/balanced/compose.yml"])
def test_the_compose_files_fit_the_specification(file: str) -> None:
    fits_the_specification(yaml.load((REPO / file).read_text(), MergedLoader))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("stop_grace_period", "stop_grace_perid"),
        ("service_healthy", "service_helthy"),
        ("unless-stopped", "perhaps"),
        ("memory: 2g", "memory: much"),
        ("nofile: {soft: 262144, hard", "nofile: {soft: 262144, hrd"),
        ("[redis-data:/data]", "[redis:/data:rw:rw:rw]"),
    ],
)
def test_a_slip_in_a_compose_file_is_found(right: str, wrong: str) -> None:
    text = (REPO / "docker-compose.yml").read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"."):
        fits_the_specification(yaml.safe_load(text.replace(right, wrong)))


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_and_no_service_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    image, _, tag = service["image"].partition(":")
    assert re.search(r"\d+[.-]\d+", tag), f"{image} has no pinned version"
    assert service.get("user", "") not in ("root", "0")
    assert "user" in service or name in {"gateway", *DECLARE_THEIR_OWN_USER, *ROOT_WITHOUT_POWERS}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


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
    assert named <= set(SECRETS["environment"](langfuse=True))
    required = set(re.findall(r"\$\{([A-Z_]+):\?", (REPO / "docker-compose.yml").read_text()))
    assert required <= set(SECRETS["environment"]()), "compose reads the whole file, whatever the profile"


def test_langfuse_starts_only_when_asked_for_and_nobody_waits_for_it() -> None:
    assert len(LANGFUSE) == 6
    assert all(service["profiles"] == ["langfuse"] for service in LANGFUSE.values())
    rest = {name: service.get("profiles") for name, service in SERVICES.items() if name not in LANGFUSE}
    assert {name for name, profiles in rest.items() if profiles} == set(METRICS)
    assert not set(SERVICES["gateway"]["depends_on"]) & set(LANGFUSE)


def test_prometheus_reads_the_metrics_with_the_gateways_token_and_grafana_finds_both() -> None:
    assert all(SERVICES[name]["profiles"] == ["metrics"] for name in METRICS)
    assert not set(SERVICES["gateway"]["depends_on"]) & set(METRICS)
    secret = COMPOSE["secrets"]["metrics_token"]["environment"]
    assert secret in SERVICES["gateway"]["environment"]
    section = yaml.safe_load((REPO / "litellm_config.yaml").read_text())["callback_settings"]["thriftgate"]
    assert section["metrics"] == {"token": f"os.environ/{secret}"}
    scrape = yaml.safe_load((REPO / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert scrape["static_configs"][0]["targets"] == ["gateway:4000"]
    folders = [volume.split(":") for name in METRICS for volume in SERVICES[name]["volumes"] if volume.startswith(".")]
    assert all((REPO / source).is_dir() for source, *_ in folders)
    provider = yaml.safe_load((REPO / "deploy/grafana/provisioning/dashboards/thriftgate.yml").read_text())[
        "providers"
    ][0]
    assert provider["options"]["path"] in {target for _, target, *_ in folders}


def test_the_project_and_its_keys_exist_on_the_first_boot_and_are_the_gateways() -> None:
    web, gateway = SERVICES["langfuse-web"]["environment"], SERVICES["gateway"]["environment"]
    for kind in ("PUBLIC", "SECRET"):
        assert web[f"LANGFUSE_INIT_PROJECT_{kind}_KEY"] == gateway[f"LANGFUSE_{kind}_KEY"]
    given = {"ORG_ID", "PROJECT_ID", "USER_EMAIL", "USER_PASSWORD"}
    assert {f"LANGFUSE_INIT_{name}" for name in given} <= set(web)
    assert SECRETS["environment"](langfuse=True)["LANGFUSE_HOST"] == "http://langfuse-web:3000"


def test_the_gateway_is_given_no_secret_of_langfuses_stores() -> None:
    text = str(SERVICES["gateway"])
    assert not re.search(r"LANGFUSE_(?!HOST|BROWSER_URL|PUBLIC_KEY|SECRET_KEY)", text)


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_langfuse_is_given_the_encryption_key_it_wants() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", SECRETS["environment"]()["LANGFUSE_ENCRYPTION_KEY"])


def test_the_configuration_reads_the_stores_that_the_compose_file_names() -> None:
    section = yaml.safe_load((REPO / "litellm_config.yaml").read_text())["callback_settings"]["thriftgate"]
    given = {f"os.environ/{name}" for name in SERVICES["gateway"]["environment"]}
    assert {section["database_url"], section["redis_url"]} <= given


def test_the_image_runs_as_nobody_special_from_a_folder_without_a_thriftgate_in_it() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", last_stage, re.MULTILINE)
    assert user is not None, "Kubernetes' runAsNonRoot cannot look up a name"
    assert int(user[1]) > 0
    assert not re.search(r"COPY (?!--from)[^\n]*plugins", last_stage)
    assert "--no-dev" in DOCKERFILE


def test_a_stop_waits_longer_than_the_gateway_may_drain() -> None:
    section = yaml.safe_load((REPO / "litellm_config.yaml").read_text())["callback_settings"]["thriftgate"]
    config = from_section({**section, "database_url": None, "redis_url": None, "metrics": {}})
    grace = int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > config.drain + config.shutdown_timeout + 15


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_limit_of_memory_and_says_its_time_zone(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["deploy"]["resources"]["limits"]["memory"])
    assert SERVICES[name]["environment"]["TZ"] == "UTC"


_BALANCED = (REPO / "deploy" / "balanced" / "compose.yml").read_text()
BALANCED: dict[str, Any] = yaml.load(_BALANCED, MergedLoader)["services"]


def test_what_stands_before_several_gateways_has_bounds_too() -> None:
    balancer = BALANCED["balancer"]
    assert re.fullmatch(r"\d+[mg]", balancer["deploy"]["resources"]["limits"]["memory"])
    assert balancer["environment"]["TZ"] == "UTC"
    assert balancer["stop_grace_period"] == SERVICES["gateway"]["stop_grace_period"]


@pytest.mark.parametrize("name", [one for one in SERVICES if SERVICES[one].get("volumes") and one != "grafana"])
def test_what_keeps_something_has_time_to_write_it(name: str) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 30


@pytest.mark.parametrize("services", [SERVICES, BALANCED], ids=["one", "balanced"])
def test_artefacts_are_mounted_where_the_tutorial_writes_them(services: dict[str, Any]) -> None:
    assert "./artefacts:/gateway/artefacts:ro" in services["gateway"]["volumes"]
    assert (REPO / "artefacts").is_dir()
    assert "artefact: artefacts/" in (REPO / "docs" / "tutorial.md").read_text()


def test_the_containers_logs_go_to_standard_output_where_their_engine_looks() -> None:
    assert re.search(r'^ENTRYPOINT \[.*"--log", "stdout"\]$', DOCKERFILE, re.MULTILINE)


def test_secrets_are_drawn_by_python_alone() -> None:
    tree = ast.parse((REPO / "scripts" / "make_secrets.py").read_text())
    modules = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert modules <= sys.stdlib_module_names


@pytest.mark.parametrize("package", ["litellm-enterprise", "torch", "sentence-transformers"])
def test_what_must_not_be_in_the_image_is_not_in_the_lock(package: str) -> None:
    assert f'name = "{package}"\nversion' not in (REPO / "uv.lock").read_text()


def test_secrets_are_drawn_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    assert SECRETS["write"](target) == list(SECRETS["environment"]())
    first = target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert SECRETS["write"](target) == []
    assert target.read_text() == first
    assert SECRETS["environment"]() != SECRETS["environment"]()


def test_what_is_missing_is_added_and_what_is_there_stays(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    target.write_text("POSTGRES_PASSWORD=mine\nANTHROPIC_API_KEY=theirs")
    assert "POSTGRES_PASSWORD" not in SECRETS["write"](target)
    lines = target.read_text().splitlines()
    assert lines[:2] == ["POSTGRES_PASSWORD=mine", "ANTHROPIC_API_KEY=theirs"]
    added = SECRETS["write"](target, langfuse=True)
    assert {"COMPOSE_PROFILES", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"} <= set(added)
    names = [line.partition("=")[0] for line in target.read_text().splitlines()]
    assert len(names) == len(set(names))


def test_secrets_stay_out_of_git() -> None:
    assert ".env" in (REPO / ".gitignore").read_text().split()


def test_the_image_is_built_with_the_licences_of_what_the_package_has_in_it() -> None:
    assert "Permission is hereby granted" in (REPO / "NOTICE").read_text()
    assert DOCKERFILE.index("COPY NOTICE ./") < DOCKERFILE.index("--no-editable")
