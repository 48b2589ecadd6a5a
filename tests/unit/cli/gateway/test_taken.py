"""A gateway that serves an older configuration than its files say is told from one that serves what stands there."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from thriftgate.cli.gateway import doctor
from thriftgate.cli.gateway.parts.preflight import prepare
from thriftgate.cli.gateway.parts.running import RunningGateway, forget, write_down
from thriftgate.config.taken import TAKEN_VARIABLE, taken_from, what_changed

CONFIG = """\
include: [parts/models.yaml]
litellm_settings:
  custom_provider_map: [{provider: thriftgate, custom_handler: thriftgate.proxy.plugin.routes}]
callback_settings:
  thriftgate:
    routes:
      support: {cascade: {tiers: [{model: large}]}}
"""
MODELS = """\
model_list:
  - {model_name: large, litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY}}
  - {model_name: support, litellm_params: {model: thriftgate/support}}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> RunningGateway:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "models.yaml").write_text(MODELS)
    config = tmp_path / "litellm_config.yaml"
    config.write_text(CONFIG)
    prepared = prepare(config, {"OPENAI_API_KEY": "a-key", "LITELLM_MASTER_KEY": "sk-0123456789abcdef0123"})
    return RunningGateway(
        pid=os.getpid(), host="127.0.0.1", port=4100, config=str(config), started_at=0.0, taken_at=1000.0,
        files=prepared.files,
    )  # fmt: skip


def test_nothing_is_said_while_the_files_are_what_was_read(gateway: RunningGateway) -> None:
    Path(gateway.config).write_text(CONFIG)  # the same words, written anew
    taken = gateway.taken(is_only=True)
    assert taken.changed() == []
    assert what_changed(taken, now=2000.0) is None


@pytest.mark.parametrize("name", ["litellm_config.yaml", "parts/models.yaml"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_changed_is_named_with_how_long_ago_it_was_read(
    gateway: RunningGateway, name: str, *, is_gone: bool
) -> None:
    file = Path(gateway.config).parent / name
    if is_gone:
        file.unlink()
    else:
        file.write_text(file.read_text() + "# more")
    words = f"{name} changed since the gateway read it 3 min ago, and it serves the old one"
    assert what_changed(gateway.taken(is_only=True), now=1180.0) == words


def test_one_of_several_gateways_is_reloaded_by_its_port(gateway: RunningGateway) -> None:
    assert gateway.taken(is_only=True).command == "thriftgate reload"
    assert gateway.taken(is_only=False).command == "thriftgate reload --port 4100"


def test_the_proxy_knows_what_was_taken_for_it(gateway: RunningGateway) -> None:
    taken = gateway.taken(is_only=True)
    assert taken_from({TAKEN_VARIABLE: taken.to_text()}) == taken


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"config": "a"}', '{"of_another_release": 1}'])
def test_what_another_release_handed_on_is_taken_for_nothing(text: str | None) -> None:
    assert taken_from({} if text is None else {TAKEN_VARIABLE: text}) is None


def test_doctor_tells_of_the_gateway_of_this_folder(gateway: RunningGateway) -> None:
    config = Path(gateway.config)
    data_dir = config.parent / ".thriftgate"
    write_down(data_dir, gateway)
    try:
        assert [found.status for found in doctor.check_taken(config, 4100)] == ["ok"]
        config.write_text(CONFIG + "# more")
        (finding,) = doctor.check_taken(config, 4100)
        assert finding.status == "note"
        assert finding.words.startswith("litellm_config.yaml changed since")
        assert finding.words.endswith("and it serves the old one: `thriftgate reload`")
        assert doctor.check_taken(config, 4200) == []
        # One that an older release started wrote nothing down.
        write_down(data_dir, replace(gateway, files={}))
        assert doctor.check_taken(config, 4100) == []
    finally:
        forget(data_dir, gateway.pid)
