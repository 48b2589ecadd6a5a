"""What was judged worse, and which prompt is dearer: Langfuse, report, status, page and CSV say the same over HTTP."""

import csv
import html
import io
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.langfuse_server import serve_langfuse
from tests.proxy.asked import Asked
from tests.proxy.cascade_routes import CLEAN, DOUBTFUL
from tests.proxy.conftest import MASTER_KEY, ROOT
from tests.proxy.played_day import SIMILAR, BookedLangfuse, Played, unless
from tests.proxy.traced import traced_gateway
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually
from werkzeug import Response

pytestmark = [pytest.mark.xdist_group("proxy-judged"), pytest.mark.timeout(300)]

CHAT = "/v1/chat/completions"
WORSE = "It takes ten weeks."
UNSURE_AND_WORSE = DOUBTFUL.replace("five days", "ten weeks")
TWO: dict[str, Any] = {"tiers": [{"model": "small"}, {"model": "large"}], "accept_at": 0.8, "holdout": 0}
ONE: dict[str, Any] = {"tiers": [{"model": "large"}], "holdout": 0}
CHECKED = {"judge": "judge", "max_per_minute": 1000}
ROUTES: dict[str, Any] = {
    "judged": {
        "cascade": {**TWO, "audit": {"share": 1, **CHECKED}},
        "cache": {"max_error": 0.01, "ttl": "1h", "min_similarity": 0.9, "verify": {"share": 1, "first": 0, **CHECKED}},
    },
    "desk": {"cascade": {**TWO, "audit": {"share": 0}}, "prompt": {"name": "desk"}},
    "single": {"cascade": ONE, "prompt": {"name": "single"}},
}
SETTINGS = """labels: {production: plain}
experiments:
  tone: {variants: {plain: 50, brief: 50}, unit: user, metric: cost, window: 1m}
"""
GOOD = ("How long is the return window for shoes?", "Which ways of paying do you take?", "When is the shop open?")
WRONG = ("Is it wrong to wash these shoes?", "What happens when I order the wrong size of trousers?")
HARD = ("This is hard: can I change my e-mail address?", "Hard to say who is wrong: who signs for a delivery?",
        "Hard and wrong: do you ship to Norway?")  # fmt: skip
USERS = [f"sk-app-acme-u{number}" for number in range(16)]


def small(body: Asked) -> Response:
    """Sure and right, sure and worse, unsure and right, unsure and worse, as the question has it."""
    said = json.dumps(body.prompt)
    is_unsure = "hard" in said.lower() or ("You work" in said and "Be brief" not in said)
    if is_unsure:
        return says(UNSURE_AND_WORSE if "wrong" in said else DOUBTFUL, logprob=-3.0)(body)
    return says(WORSE if "wrong" in said else CLEAN)(body)


@pytest.fixture(scope="module")
def prompts() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="thriftgate-judged-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        for prompt in ("desk", "single"):
            (folder / "prompts" / prompt).mkdir(parents=True)
            for variant, words in (("plain", "You work for a shop."), ("brief", "Be brief. You work for a shop.")):
                (folder / "prompts" / prompt / f"{variant}.md").write_text(f"[[system]]\n{words}\n")
            (folder / "prompts" / prompt / "prompt.yaml").write_text(SETTINGS)
        yield folder


def large(body: Asked) -> Response:
    """Right; of one of two like questions it says something else, so that the other's answer is a wrong hit."""
    return says(WORSE if SIMILAR[1] in json.dumps(body.prompt) else CLEAN)(body)


@pytest.fixture(scope="module")
def asked(prompts: Path) -> Iterator[Played]:
    """A gateway that was asked everything, and whose audits are over."""
    server, langfuse = HTTPServer(threaded=True), BookedLangfuse()
    server.start()
    serve_langfuse(server)
    environ = langfuse.serve(server)
    push(prompts, environ)
    more: dict[str, Any] = {"prompts_dir": str(prompts / "prompts"), "data_dir": str(prompts / "data")}
    with traced_gateway(server, langfuse=langfuse, routes=ROUTES, **more) as gateway:
        played = Played(gateway, langfuse, environ)
        gateway.upstream.on("small", small)
        gateway.upstream.on("large", large)
        gateway.upstream.on("judge", unless("ten weeks", says("DIFFERENT"), says("SAME")))
        ask_for_verdicts(played)
        judged = {"quality": good_of(played) + 2, "rejected_was_good": 3, "quality_cache": 1}
        for route in ("desk", "single"):
            for key in USERS:
                assert played.ask(CHAT, route, "How long does it take?", key=key).status_code == 200
        assert eventually(lambda: verdicts(played) == judged, 30), verdicts(played)
        assert eventually(lambda: len(langfuse.books.rows("scores-categorical")) == len(played.rows), 30)
        yield played
    server.clear()
    server.stop()


def push(folder: Path, environ: Mapping[str, str]) -> None:
    """Has Langfuse know the prompts, before the gateway looks for their numbers there."""
    argv = [sys.executable, "-m", "thriftgate", "prompts", "--prompts-dir", str(folder / "prompts"), "push"]
    done = subprocess.run([*argv, "--data-dir", str(folder / "data")], env={**os.environ, **environ}, check=False)
    assert done.returncode == 0


def ask_for_verdicts(played: Played) -> None:
    """Answers that are as good, two that are worse; of three that nobody got two are worse; a wrong hit."""

    def decided(question: str) -> str:
        return played.ask(CHAT, "judged", question).headers["x-thriftgate-decision"]

    assert [decided(question) for question in (*GOOD, *WRONG)] == ["accepted"] * 5
    assert [decided(question) for question in HARD] == ["escalated"] * 3
    for question in (GOOD[0], SIMILAR[0]):
        assert eventually(lambda question=question: decided(question) == "exact_hit")
    assert decided(SIMILAR[1]) == "semantic_hit"


def verdicts(played: Played) -> Counter[str]:
    """How many of each kind Langfuse has."""
    found = Counter(row["name"] for row in played.books.rows("scores-numeric"))
    return Counter({name: found[name] for name in ("quality", "rejected_was_good", "quality_cache")})


def good_of(played: Played) -> int:
    """How many answers were given that a judge says are as good: whoever asks too soon for a hit gets a fresh one."""
    return sum(row["decision"] == "accepted" and row["route"] == "judged" for row in played.rows) - len(WRONG)


def values(played: Played, name: str) -> Counter[float]:
    return Counter(row["value"] for row in played.books.rows("scores-numeric") if row["name"] == name)


def charted_decisions(played: Played) -> dict[str, float]:
    return {kind: n for (kind,), (n,) in played.charted("How requests were answered").items()}


def figures(played: Played) -> dict[str, Any]:
    process = played.gateway.process
    url = f"{process.base_url}/thriftgate/status?period=24h"
    return httpx.get(url, headers=process.headers(MASTER_KEY), timeout=60, verify=False).json()["figures"]


def test_a_bad_verdict_is_zero_in_the_score_of_what_was_judged(asked: Played) -> None:
    good = good_of(asked)
    assert values(asked, "quality") == {1.0: good, 0.0: 2}
    assert values(asked, "rejected_was_good") == {1.0: 1, 0.0: 2}
    assert values(asked, "quality_cache") == {0.0: 1}
    shown = {name: told for (_, name), told in asked.charted("Quality by route, with n").items()}
    assert shown == {"quality": (pytest.approx(good / (good + 2)), good + 2), "quality_cache": (0.0, 1)}


def test_status_report_and_page_say_how_many_were_worse(asked: Played) -> None:
    assert eventually(lambda: figures(asked)["quality"]["judged"]["answers"]["bad"] == 2, 60)
    told = figures(asked)["quality"]["judged"]
    assert told["answers"] == {"good": good_of(asked), "bad": 2, "undecided": 0}
    assert told["hits"] == {"good": 0, "bad": 1, "undecided": 0}
    process = asked.gateway.process
    page = html.unescape(
        httpx.get(f"{process.base_url}/thriftgate", headers=process.headers(MASTER_KEY), timeout=60).text
    )
    n = good_of(asked) + 2
    assert f"{n} audited answers, {n - 2} as good as the strongest tier's" in page
    assert "1 verified hit, 0 right" in page
    said = asked.command("report").partition("Quality of judged")[2]
    assert f"{n} accepted answers: {100 * (n - 2) / n:.1f}%" in said
    assert "1 verified hits: 0.0%" in said


def test_an_answer_that_was_judged_worse_is_not_given_again(asked: Played) -> None:
    answer = asked.ask(CHAT, "judged", WRONG[1])
    assert answer.headers["x-thriftgate-decision"] == "exact_hit"
    assert answer.json()["choices"][0]["message"]["content"] == CLEAN


def test_hits_and_escalations_are_as_many_for_everybody(asked: Played) -> None:
    assert eventually(lambda: figures(asked)["requests"] == len(asked.rows), 60)
    wanted = Counter(row["decision"] for row in asked.rows)
    assert eventually(
        lambda: {kind: n for (kind,), (n,) in asked.charted("How requests were answered").items()} == wanted
    )
    hits = wanted["exact_hit"] + wanted["semantic_hit"]
    found = figures(asked)
    assert (found["hits"], found["escalations"]) == (hits, wanted["escalated"])
    total = json.loads(asked.command("report", "--json"))["total"]
    assert {kind: total[kind] for kind in wanted} == wanted
    rows = list(csv.DictReader(io.StringIO(asked.command("report", "--csv", "--by", "route"))))
    assert {kind: sum(int(row[kind]) for row in rows) for kind in wanted} == wanted


@pytest.mark.parametrize("prompt", ["desk", "single"])
def test_a_versions_cost_in_langfuse_is_what_the_experiment_reports(asked: Played, prompts: Path, prompt: str) -> None:
    words = ("prompts", "--prompts-dir", str(prompts / "prompts"), "experiment", prompt, "--json")
    arms = {one["variant"]: one for one in json.loads(asked.command(*words))["arms"]}
    rows = [row for row in asked.books.rows("observations") if row["traceName"] == prompt]
    assert {row["version"].partition(" ")[0] for row in rows} == set(arms)
    for variant, arm in arms.items():
        mine = [row for row in rows if row["version"].startswith(f"{variant} ")]
        requests = sum(row["isRoot"] for row in mine)
        assert requests == arm["requests"] > 0
        assert math.fsum(row["totalCost"] for row in mine) == pytest.approx(arm["cost_usd"], abs=1e-9)
        linked = [row["totalCost"] for row in mine if row["promptName"] == prompt]
        if prompt == "single":
            assert len(linked) == requests
            assert statistics.median(linked) == pytest.approx(arm["cost_usd"] / requests, abs=1e-9)
        else:
            assert linked == [], "medians of single calls say nothing of a cascade"
    if prompt == "desk":
        assert (
            arms["plain"]["cost_usd"] / arms["plain"]["requests"]
            > 5 * arms["brief"]["cost_usd"] / arms["brief"]["requests"]
        )
