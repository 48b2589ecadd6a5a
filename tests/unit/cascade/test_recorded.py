"""A recording of a model is made, holds no message, and is read back as the labels that the answers give."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from evals.cascade import data, intents, record, recorded
from evals.cascade.intents import Message
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from thriftgate.cascade.calibration.label_file import TierPrice, read_labels
from thriftgate.cascade.scoring import answer_features

EXAMPLES = [Message("where is my card", "card arrival"), Message("cancel it please", "cancel order")]
ASKED = [Message("has the card come", "card arrival"), Message("stop order 4711", "cancel order")]
KNOWN = frozenset(one.intent for one in EXAMPLES)
CHEAP, STRONG = ("small", (0.1, 0.4)), ("human", (2.0, 8.0))


def letters(texts: Sequence[str]) -> list[Any]:
    """Vectors by the letters of a text."""
    counts = [np.array([text.count(letter) for letter in "acdehors"], dtype=np.float32) for text in texts]
    return [one / np.linalg.norm(one) for one in counts]


def completion(content: str, *tokens: tuple[str, float, float]) -> dict[str, Any]:
    """As an OpenAI-compatible server answers."""
    said = [
        {"token": text, "logprob": best, "top_logprobs": [{"token": "?", "logprob": one} for one in (best, second)]}
        for text, best, second in tokens
    ]
    return {
        "choices": [{"message": {"content": content}, "logprobs": {"content": said}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": len(tokens)},
    }


def provider(server: HTTPServer) -> str:
    """A model that finds the first message's intent, and repeats the second message."""

    def answer(request: Request) -> Response:
        asked = json.loads(request.data)["messages"][-1]["content"]
        found = (
            completion("card arrival", ("card", -0.01, -5.0), (" arrival", -0.02, -4.0))
            if asked == ASKED[0].text
            else completion("stop order 4711", ("stop", -1.5, -1.6), (" order 4711", -0.7, -2.0))
        )
        return Response(json.dumps(found), content_type="application/json")

    server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(answer)
    return server.url_for("/v1")


@pytest.fixture
def answered(httpserver: HTTPServer) -> list[record.Asked]:
    ask = record.asking(provider(httpserver), "small")
    return list(record.record(ASKED, EXAMPLES, letters, ask))


@pytest.fixture
def file(answered: list[record.Asked], tmp_path: Path) -> Path:
    path = tmp_path / "live.jsonl"
    lines = [json.dumps({"columns": recorded.COLUMNS})]
    lines += [json.dumps(record.row_of(one, KNOWN)) for one in answered]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_model_sees_the_labelled_messages_as_answered_turns_the_nearest_last(
    answered: list[record.Asked], httpserver: HTTPServer
) -> None:
    sent = json.loads(httpserver.log[0][0].data)
    assert [one["content"] for one in sent["messages"][1:]] == [
        "cancel it please",
        "cancel order",
        "where is my card",
        "card arrival",
        "has the card come",
    ]
    assert (sent["logprobs"], sent["top_logprobs"], sent["temperature"]) == (True, 2, 0)


def test_a_recording_holds_no_word_of_a_message(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "xxxx xxxxx 0000" in text
    assert "card arrival" in text
    assert all(word not in text for word in ("stop order", "4711", "has the", "please"))


def test_a_recording_reads_back_as_what_the_model_said(file: Path) -> None:
    (request, (cheap, strong), is_right), (_, (_, _), other) = recorded.answered(
        file, [*EXAMPLES, *ASKED], CHEAP, STRONG
    )
    assert (is_right, other) == (True, False)
    assert request.messages[-1]["content"] == "has the card come"
    features, _ = answer_features(request, cheap)
    assert features["logprob_mean"] == pytest.approx(-0.015)
    assert features["margin_min"] == pytest.approx(3.98)
    assert cheap.cost_usd == pytest.approx((100 * 0.1 + 2 * 0.4) / 1e6)
    assert strong.cost_usd == pytest.approx((100 * 2 + 3 * 8) / 1e6)


def test_a_recorded_set_is_replayed_like_any_other(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "banking77").mkdir()
    rows = "".join(f"{one.text},{one.intent.replace(' ', '_')}\n" for one in [*EXAMPLES, *ASKED])
    for part in ("train", "test"):
        (tmp_path / "banking77" / f"{part}.csv").write_text(f"text,category\n{rows}", encoding="utf-8")
    file.rename(tmp_path / "banking77.jsonl")
    monkeypatch.setattr(data, "DATA", tmp_path)
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    (found,) = data.recorded_sets(["banking77_live"])
    assert [label.quality for label in found.labels] == [(1.0, 1.0), (0.0, 1.0)]
    assert len({label.group for label in found.labels}) == 2
    assert all("margin_q10" in label.features[0] for label in found.labels)
    assert all(cheap < strong / 15 for cheap, strong in (label.cost_usd for label in found.labels))


def test_a_line_that_was_cut_short_ends_the_recording(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8")[:-10], encoding="utf-8")
    assert recorded.ids(file) == {ASKED[0].id}


def test_the_label_file_is_one_that_calibrate_reads(answered: list[record.Asked]) -> None:
    prices = {"small": TierPrice(1e-7, 4e-7), "large": TierPrice(2e-6, 8e-6)}
    lines = [json.dumps(record.label_line(one)) for one in answered]
    found = read_labels(lines, tiers=("small", "large"), prices=prices)
    assert found.problems == []
    assert [label.quality for label in found.labels] == [(1.0, 1.0), (0.0, 1.0)]
    assert all("logprob_mean" in label.features[0] for label in found.labels)


def test_five_failures_in_a_row_end_the_run(httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_data("busy", status=503)
    ask = record.asking(httpserver.url_for("/v1"), "small")
    with pytest.raises(httpx.HTTPStatusError):
        list(record.record(ASKED * 3, EXAMPLES, letters, ask))
    assert len(httpserver.log) == 5
    assert "card" not in capsys.readouterr().err


def test_a_text_with_two_intents_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,intent\na,PlayMusic\nb,x\nb,y\na,PlayMusic\n", encoding="utf-8")
    assert intents.read_messages([tmp_path / "own.csv"], "text", "intent") == [Message("a", "play music")]


@given(st.text())
def test_a_shape_keeps_the_length_and_nothing_else(text: str) -> None:
    hidden = record.shape(text)
    assert len(hidden) == len(text)
    assert not {letter for letter in hidden if letter.isalpha() and letter != "x"}


@given(st.lists(st.text(alphabet="abcdef ", min_size=1), unique=True))
def test_no_message_is_an_example_and_asked(texts: list[str]) -> None:
    examples, asked = intents.halves([Message(text, "any") for text in texts])
    assert {one.text for one in examples}.isdisjoint(one.text for one in asked)
    assert len(examples) + len(asked) == len(texts)


def test_a_run_of_one_s_own_messages_goes_on_where_it_stopped(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, out, labels = (tmp_path / name for name in ("own.csv", "out.jsonl", "labels.jsonl"))
    messages = [f"where is card {number}" for number in range(12)]
    questions.write_text("text,intent\n" + "".join(f"{one},CardArrival\n" for one in messages), encoding="utf-8")
    monkeypatch.setattr(record, "_embed", letters)
    base = ["record", "--base-url", provider(httpserver), "--model", "small", "--questions", str(questions)]
    _, asked = intents.halves(intents.read_messages([questions], "text", "intent"))
    for n in (2, 12):
        monkeypatch.setattr("sys.argv", [*base, "--n", str(n), "--out", str(out), "--labels", str(labels)])
        record.main()
        if n == 2:
            out.write_text(out.read_text(encoding="utf-8") + '["cut', encoding="utf-8")
    assert [row[0] for row in recorded.rows(out)] == [one.id for one in asked]
    assert len(httpserver.log) == len(asked) > 2
    assert "where is" not in out.read_text(encoding="utf-8")
    lines = labels.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["messages"][-1]["content"] for line in lines] == [one.text for one in asked]
