"""The manifests for a cluster and the balancer's: held to Kubernetes' schemas, and to what the gateway needs."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from thriftgate.config.sections.base import parse_duration
from thriftgate.services.telemetry.catalogue import LIMIT_WAITING

REPO = Path(__file__).parents[3]
FOLDER = REPO / "deploy" / "kubernetes"
KUBERNETES = ("1.30", "1.34")
"""The oldest and the newest release that the manifests are for."""
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((FOLDER / name).read_text()) for name in KUSTOMIZATION["resources"]
}
POD: dict[str, Any] = MANIFESTS["deployment.yaml"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
SETTINGS = (REPO / "docs" / "configuration.md").read_text()


def default_seconds(setting: str) -> list[float]:
    """The defaults of a duration in the reference, in the order of its sections."""
    return [parse_duration(text) for text in re.findall(rf"^\| `{setting}` \| duration.*?\| `([^`]+)`", SETTINGS, re.M)]


@pytest.mark.parametrize("release", KUBERNETES)
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_manifest_is_what_kubernetes_takes(name: str, release: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], release, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    wrong: dict[str, Any] = {**MANIFESTS["service.yaml"], "spec": {**MANIFESTS["service.yaml"]["spec"], "selektor": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)


def test_no_manifest_is_forgotten() -> None:
    apart = {"kustomization.yaml"}
    assert {path.name for path in FOLDER.glob("*.yaml")} == set(MANIFESTS) | apart


def test_everything_selects_the_gateways_pods_and_its_port() -> None:
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        MANIFESTS["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["service.yaml"]["spec"]["selector"],
        MANIFESTS["pod-disruption-budget.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["network-policy.yaml"]["spec"]["podSelector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    port = CONTAINER["ports"][0]
    assert port["containerPort"] == MANIFESTS["service.yaml"]["spec"]["ports"][0]["port"] == 4000
    assert MANIFESTS["service.yaml"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert MANIFESTS["network-policy.yaml"]["spec"]["ingress"][0]["ports"][0]["port"] == 4000
    assert f"EXPOSE {port['containerPort']}" in (REPO / "Dockerfile").read_text()


def test_a_pod_has_the_time_to_drain() -> None:
    pause = float(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    needed = pause + sum(default_seconds("drain")) + sum(default_seconds("shutdown_timeout"))
    assert len(default_seconds("drain")) == 1
    # LiteLLM takes up to fifteen seconds of its own beside them.
    assert needed + 15 < POD["terminationGracePeriodSeconds"] <= needed + 30
    # The service must have let go before the gateway stops taking requests.
    readiness = CONTAINER["readinessProbe"]
    assert readiness["httpGet"]["path"] == "/health/readiness"
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/health/liveliness"


def test_disruptions_leave_enough_gateways_and_the_autoscaler_never_has_fewer() -> None:
    replicas = MANIFESTS["deployment.yaml"]["spec"]["replicas"]
    autoscaler = MANIFESTS["autoscaler.yaml"]["spec"]
    assert replicas == autoscaler["minReplicas"] == 3
    assert MANIFESTS["pod-disruption-budget.yaml"]["spec"]["minAvailable"] == replicas - 1
    assert MANIFESTS["deployment.yaml"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert autoscaler["metrics"][0]["pods"]["metric"]["name"] == LIMIT_WAITING.name


def test_a_pod_may_do_nothing_but_serve() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {POD['securityContext']['runAsUser']}" in (REPO / "Dockerfile").read_text()
    limits = CONTAINER["securityContext"]
    assert limits["readOnlyRootFilesystem"] is True
    assert limits["capabilities"] == {"drop": ["ALL"]}
    assert limits["allowPrivilegeEscalation"] is False
    assert POD["automountServiceAccountToken"] is False


def test_every_secret_that_the_configuration_names_is_in_the_example_and_none_is_filled_in() -> None:
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / "secrets.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    named = set(re.findall(r"os\.environ/([A-Z_]+)", (REPO / "litellm_config.yaml").read_text()))
    assert named <= set(example)
    assert {"THRIFTGATE_DATABASE_URL", "THRIFTGATE_REDIS_URL", "LITELLM_MASTER_KEY"} <= set(example)
    assert not any(example.values())
    ignored = (REPO / ".gitignore").read_text().split()
    assert KUSTOMIZATION["secretGenerator"][0]["envs"] == ["secrets.env"]
    assert "secrets.env" in ignored


class _Tagged(yaml.SafeLoader):
    """Reads compose's own tags (`!reset`, `!override`) as what they stand before."""


def _untagged(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_mapping(node) if isinstance(node, yaml.MappingNode) else None


_Tagged.add_multi_constructor("!", _untagged)


def test_the_balancer_is_alone_on_the_port_and_asks_for_readiness() -> None:
    overlay = yaml.load((REPO / "deploy" / "balanced" / "compose.yml").read_text(), _Tagged)["services"]
    shipped = yaml.safe_load((REPO / "docker-compose.yml").read_text())["services"]
    assert overlay["gateway"]["ports"] == []
    assert overlay["balancer"]["ports"] == shipped["gateway"]["ports"]
    # Nothing that two gateways would share: no volume of the first remains.
    assert not any(volume.startswith("gateway-data") for volume in overlay["gateway"]["volumes"])
    haproxy = (REPO / "deploy" / "balanced" / "haproxy.cfg").read_text()
    assert "httpchk GET /health/readiness" in haproxy
    assert "server-template gateway 10 gateway:4000" in haproxy
    assert re.search(r"timeout server +10m", haproxy)
    # A request that a gateway has is paid for: it is never sent to another.
    assert re.findall(r"retry-on (.+)", haproxy) == ["conn-failure"]
