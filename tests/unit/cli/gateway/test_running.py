"""Commands find the gateway that runs beside them, and no other."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from thriftgate.cli.gateway import reload
from thriftgate.cli.gateway.parts.running import (
    Reload,
    RunningGateway,
    data_dir_beside,
    find,
    forget,
    key_beside,
    running,
    url_beside,
    write_down,
)

HERE = RunningGateway(pid=os.getpid(), host="0.0.0.0", port=4100, config="/etc/gateway.yaml", started_at=1.0)


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("last", [None, Reload(number=3, ok=False, exit_code=2, words=("a", "b"))])
def test_what_is_noted_is_found_again_until_it_is_forgotten(tmp_path: Path, last: Reload | None) -> None:
    gateway = replace(HERE, reload=last)
    write_down(tmp_path, gateway)
    assert running(tmp_path) == [gateway]
    assert find(tmp_path) == gateway
    forget(tmp_path, gateway.pid)
    assert running(tmp_path) == []


def test_a_gateway_whose_process_is_gone_is_none(tmp_path: Path) -> None:
    write_down(tmp_path, replace(HERE, pid=dead_pid()))
    assert find(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pid": 1}', '{"pid": "x", "host": 1}'])
def test_a_file_that_is_none_of_ours_is_no_gateway(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "1.json").write_text(text)
    assert running(tmp_path) == []


def test_of_several_the_port_decides_then_the_configuration_then_the_age(tmp_path: Path) -> None:
    young = replace(HERE, pid=os.getppid(), port=4200, config=str(tmp_path / "own.yaml"), started_at=2.0)
    write_down(tmp_path, young)
    write_down(tmp_path, HERE)
    assert find(tmp_path) == HERE
    assert find(tmp_path, port=4200) == young
    assert find(tmp_path, port=4300) is None
    assert find(tmp_path, config=tmp_path / "own.yaml") == young
    assert find(tmp_path, config=tmp_path / "other.yaml") == HERE


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://localhost:4100"), ("10.0.0.7", "http://10.0.0.7:4100"), ("fd00::7", "http://[fd00::7]:4100")],
)
def test_an_address_is_one_that_can_be_asked(host: str, url: str) -> None:
    assert replace(HERE, host=host).url == url


def test_the_data_stand_where_the_configuration_says_even_when_it_has_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "litellm_config.yaml"
    assert data_dir_beside(file) == tmp_path / ".thriftgate"
    file.write_text("callback_settings: {thriftgate: {data_dir: data, rotes: {}}}\n")
    assert data_dir_beside(file) == tmp_path / "data"
    write_down(tmp_path / "data", HERE)
    assert url_beside(file) == "http://localhost:4100"
    assert url_beside(file, port=4000) == "http://localhost:4000"


def test_the_key_is_the_environment_s_else_the_one_that_up_made(tmp_path: Path) -> None:
    file = tmp_path / "litellm_config.yaml"
    assert key_beside(file, {}) is None
    (tmp_path / ".thriftgate").mkdir()
    (tmp_path / ".thriftgate" / "master_key").write_text("sk-made\n")
    assert key_beside(file, {}) == "sk-made"
    assert key_beside(file, {"LITELLM_MASTER_KEY": "sk-theirs"}) == "sk-theirs"


def test_a_reload_without_a_gateway_says_so_in_a_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(reload.command, ["--config", str(tmp_path / "litellm_config.yaml")])
    assert done.exit_code == 1
    assert "no gateway runs on the data in" in done.output


def test_a_reload_of_another_port_names_those_that_are_there(tmp_path: Path) -> None:
    write_down(tmp_path / ".thriftgate", HERE)
    done = CliRunner().invoke(reload.command, ["--config", str(tmp_path / "litellm_config.yaml"), "--port", "4000"])
    assert done.exit_code == 1
    assert "on port 4000; here are 4100" in done.output


ANSWERING = """
import json, os, signal, sys, time
path = sys.argv[1]
def on_hup(*_):
    state = json.load(open(path))
    state["reload"] = json.loads(sys.argv[2])
    json.dump(state, open(path + ".new", "w"))
    os.replace(path + ".new", path)
signal.signal(signal.SIGHUP, on_hup)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Reload(number=1, ok=True, words=("x.yaml:3: mind this",)), ["serves the new configuration", "x.yaml:3: mind"]),
        (Reload(number=1, ok=False, exit_code=2, words=("x.yaml:3: wrong",)), ["not reloaded", "x.yaml:3: wrong"]),
    ],
)
def test_a_reload_says_how_it_went_and_ends_so(tmp_path: Path, outcome: Reload, said: list[str]) -> None:
    data_dir = tmp_path / ".thriftgate"
    path = data_dir / "gateways" / "up.json"
    words = json.dumps({"number": 1, "ok": outcome.ok, "exit_code": outcome.exit_code, "words": outcome.words})
    argv = [sys.executable, "-c", ANSWERING, str(path), words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        gateway.stdout.readline()
        write_down(data_dir, replace(HERE, pid=gateway.pid))
        (data_dir / "gateways" / f"{gateway.pid}.json").rename(path)
        write_down(data_dir, replace(HERE, pid=os.getpid(), port=4200, started_at=HERE.started_at + 1))
        done = CliRunner().invoke(reload.command, ["--config", str(tmp_path / "litellm_config.yaml")])
        gateway.kill()
    assert done.exit_code == outcome.exit_code, done.output
    for words in said:
        assert words in done.output
    assert ("`thriftgate reload --port 4200`" in done.output) == outcome.ok


def test_a_gateway_that_ends_meanwhile_is_said(tmp_path: Path) -> None:
    # Whoever runs the tests under nohup has them ignore the signal; the gateway of this test does not.
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(argv, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) as gateway:
        threading.Thread(target=gateway.wait).start()  # as a shell would
        write_down(tmp_path / ".thriftgate", replace(HERE, pid=gateway.pid))
        done = CliRunner().invoke(reload.command, ["--config", str(tmp_path / "litellm_config.yaml")])
    assert done.exit_code == 1
    assert "has ended meanwhile" in done.output
