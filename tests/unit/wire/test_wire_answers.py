"""Views of answers: what ended well, what is empty, what was counted, and odd fields that are none."""

from typing import Any

import pytest
from tests.wire_samples.chat_answers import choice, completion, logprob, said
from tests.wire_samples.dialects import ANSWERS, DialectSamples, request_id
from tests.wire_samples.samples import Body, Sample

from thriftgate.services.request.reading import choices_of
from thriftgate.wire.answer import FinishKind
from thriftgate.wire.chat.answer import ChatAnswerView, without_odd_logprobs
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.turns import Dialect, PartKind


def chat(message: Body, finish: Any = "stop", **more: Any) -> ChatAnswerView:
    return ChatAnswerView(completion(choice(message, finish, **more)))


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("stop", FinishKind.STOP),
        ("end_turn", FinishKind.STOP),
        ("tool_calls", FinishKind.TOOL_CALLS),
        ("function_call", FinishKind.TOOL_CALLS),
        ("length", FinishKind.LENGTH),
        ("content_filter", FinishKind.FILTERED),
        ("error", FinishKind.FAILED),
        (None, FinishKind.UNKNOWN),
        ("whatever", FinishKind.UNKNOWN),
        (["stop"], FinishKind.UNKNOWN),
        ("", FinishKind.UNKNOWN),
    ],
)
def test_only_a_known_clean_ending_counts_as_finished(finish: Any, kind: FinishKind) -> None:
    view = chat(said("Half an ans"), finish)
    assert view.choices[0].finish.kind is kind
    assert view.is_finished is (kind in (FinishKind.STOP, FinishKind.TOOL_CALLS))


@pytest.mark.parametrize(
    ("said_", "native", "finished"),
    [
        ("stop", "error", False),
        ("stop", "eos", True),
        ("stop", "brand_new_word", False),
        ("length", "stop", False),
        ("stop", "end_turn", True),
        ("tool_calls", "tool_use", True),
    ],
)
def test_the_providers_own_word_counts_where_litellm_renamed_it(said_: str, native: str, finished: bool) -> None:
    fields = {"native_finish_reason": native}
    assert chat(said("x"), said_, provider_specific_fields=fields).is_finished is finished
    assert chat(said("x", provider_specific_fields=fields), said_).is_finished is finished
    assert chat(said("x"), said_, provider_specific_fields=fields).choices[0].finish.native == native


@pytest.mark.parametrize(
    ("beside", "kind"),
    [
        ({"error": {"code": 502, "message": "the upstream broke off"}}, FinishKind.FAILED),
        ({"error": "broken"}, FinishKind.FAILED),
        ({"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}}, FinishKind.FILTERED),
        ({"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}, FinishKind.STOP),
        ({"error": None, "content_filter_results": {}}, FinishKind.STOP),
        ({"content_filter_results": [1]}, FinishKind.STOP),
    ],
)
def test_an_error_or_a_filter_beside_the_text_has_ended_it(beside: Body, kind: FinishKind) -> None:
    assert ChatAnswerView(completion({**choice(said("Half an ans"), "stop"), **beside})).choices[0].finish.kind is kind


def test_every_choice_must_have_finished() -> None:
    whole = ChatAnswerView(completion(choice(said("a")), choice(said("b"), "length", index=1)))
    assert not whole.is_finished
    assert not ChatAnswerView(completion()).is_finished


def test_audio_videos_calls_and_refusals_are_content() -> None:
    audio = chat({"content": None, "audio": {"id": "a", "data": "x", "transcript": "Lima"}})
    assert not audio.is_empty
    assert [media.kind for media in audio.choices[0].media] == [PartKind.AUDIO]
    video = chat(
        {"content": None, "videos": [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA=="}}]}
    )
    assert [media.kind for media in video.choices[0].media] == [PartKind.VIDEO]
    assert not chat({"content": None, "refusal": "No."}).is_empty
    assert not chat({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call").is_empty
    assert chat({"content": " \n"}).is_empty
    assert chat({"content": None}).is_empty


@pytest.mark.parametrize(
    ("block", "is_content"),
    [
        ({"type": "image", "source": {}}, True),
        ({"type": "container_upload", "file_id": "f"}, True),
        ({"type": "bash_code_execution_tool_result", "content": {"stdout": "x"}}, True),
        ({"type": "hologram"}, True),
        ({"type": "thinking", "thinking": "Hm."}, False),
        ({"type": "web_search_tool_result", "content": []}, False),
        ({"type": "server_tool_use", "name": "s", "input": {}}, False),
        ({"type": "text", "text": " "}, False),
    ],
)
def test_a_block_in_no_words_is_content(block: dict[str, Any], is_content: bool) -> None:
    view = answer_view(Dialect.MESSAGES, {"content": [block], "stop_reason": "end_turn"})
    assert view.is_empty is not is_content
    (choice,) = choices_of(view)
    assert bool(choice.message.get("media")) is is_content


@pytest.mark.parametrize(
    ("item", "is_content"),
    [
        ({"type": "image_generation_call", "result": "AA"}, True),
        ({"type": "image_generation_call", "result": None}, False),
        ({"type": "message", "content": [{"type": "output_image", "image_url": "data:"}]}, True),
        ({"type": "message", "content": [{"type": "output_audio", "data": "AA"}]}, True),
        ({"type": "message", "content": [{"type": "output_text", "text": ""}]}, False),
        ({"type": "code_interpreter_call", "code": "x", "outputs": [{"type": "image", "url": "data:"}]}, True),
        ({"type": "code_interpreter_call", "code": "x", "outputs": []}, False),
        ({"type": "hologram"}, True),
        ({"type": "reasoning", "summary": []}, False),
        ({"type": "web_search_call"}, False),
    ],
)
def test_an_item_in_no_words_is_content(item: dict[str, Any], is_content: bool) -> None:
    view = answer_view(Dialect.RESPONSES, {"output": [item], "status": "completed"})
    assert view.is_empty is not is_content


ODD_LOGPROBS: list[Any] = [
    [], [1], "x", 7, {"content": {}}, {"content": [1]}, {"content": [{"token": "a"}]}, {"content": [{}]},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_LOGPROBS)
def test_log_probabilities_of_another_shape_are_as_if_there_were_none(odd: Any) -> None:
    assert chat(said("x"), logprobs=odd).choices[0].logprobs == ()


def test_log_probabilities_are_read_best_alternative_first() -> None:
    tokens = chat(said("x"), logprobs={"content": [logprob("a", -2.0, -0.5)]}).choices[0].logprobs
    assert [(token.token, token.logprob, token.top_logprobs) for token in tokens] == [("a", -2.0, (-0.5, -2.0))]


def test_usage_has_all_its_details() -> None:
    view = ChatAnswerView(
        completion(
            usage={
                "prompt_tokens": 100,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 10, "audio_tokens": 3, "cache_creation_tokens": 60,
                                          "cache_creation_token_details": {"ephemeral_1h_input_tokens": 50}},
                "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 2},
            }
        )
    )  # fmt: skip
    usage = view.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (
        100, 10, 60, 50,
    )  # fmt: skip
    assert (usage.reasoning_tokens, usage.input_audio_tokens, usage.output_audio_tokens) == (4, 3, 2)
    assert usage.service_tier == "default"


@pytest.mark.parametrize("odd", [None, {}, [], "x", {"prompt_tokens": None}, 5])
def test_usage_that_counts_nothing_is_none(odd: Any) -> None:
    assert ChatAnswerView(completion(usage=odd)).usage is None


@pytest.mark.parametrize("odd", [None, "7", -1, True, float("inf"), float("nan"), [3]])
def test_an_odd_number_of_tokens_counts_as_zero(odd: Any) -> None:
    usage = ChatAnswerView(completion(usage={"prompt_tokens": 5, "completion_tokens": odd})).usage
    assert usage is not None
    assert usage.output_tokens == 0


@pytest.mark.parametrize("most", [0, 1])
@pytest.mark.parametrize(("one", "sample"), ANSWERS, ids=request_id)
def test_surplus_alternatives_are_gone_and_the_rest_is_the_same(one: DialectSamples, sample: Sample, most: int) -> None:
    view = answer_view(one.dialect, sample.body)
    shown = view.with_alternatives(most)
    before = [token for choice in view.choices for token in choice.logprobs]
    after = [token for choice in answer_view(one.dialect, shown).choices for token in choice.logprobs]
    assert [(token.token, token.logprob) for token in after] == [(token.token, token.logprob) for token in before]
    assert [len(token.top_logprobs) for token in after] == [min(most, len(token.top_logprobs)) for token in before]
    assert answer_view(one.dialect, shown).without_logprobs() == view.without_logprobs()
    assert answer_view(one.dialect, shown).with_alternatives(most) is shown, "nothing is left to take"


@pytest.mark.parametrize(("one", "sample"), ANSWERS, ids=request_id)
def test_what_was_private_is_gone_and_the_rest_is_the_same(one: DialectSamples, sample: Sample) -> None:
    view = answer_view(one.dialect, sample.body)
    hidden = answer_view(one.dialect, view.without_logprobs())
    assert all(choice.logprobs == () for choice in hidden.choices)
    assert [choice.text for choice in hidden.choices] == [choice.text for choice in view.choices]
    assert hidden.usage == view.usage
    if not any(choice.logprobs for choice in view.choices):
        assert hidden.body == sample.body


def test_log_probabilities_of_an_odd_shape_are_left_out_and_others_are_told_that_they_have_no_alternatives() -> None:
    def known(*logprobs: object) -> list[object]:
        body = {"choices": [{"index": place, "logprobs": one} for place, one in enumerate(logprobs)]}
        return [choice["logprobs"] for choice in without_odd_logprobs(body)["choices"]]

    token = {"token": "a", "logprob": -0.1}
    whole = {"content": [{**token, "bytes": [97], "top_logprobs": [token]}, {**token, "top_logprobs": None}]}
    assert known(None, whole, {}) == [None, whole, {}]
    assert known({"content": [token], "refusal": None}, whole) == [
        {"content": [{**token, "top_logprobs": []}], "refusal": None},
        whole,
    ]
    for odd in ("x", 1, [token], {"content": "a"}, {"content": [{"token": 1, "logprob": -1}]}, {"refusal": [1]}):
        assert known(odd, whole) == [None, whole]
    for tops in ("a", {"a": -1}, ["a"]):
        assert known({"content": [{**token, "top_logprobs": tops}]}) == [None]
    said = {"choices": [{"logprobs": whole}, "no choice"]}
    assert without_odd_logprobs(said) is said
