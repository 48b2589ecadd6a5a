"""What a request is expected to use, and how that is learned."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.estimate import COMPLETION_WEIGHT, Experience, TokenEstimate

ANSWERS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5)), max_size=50)


@given(ANSWERS, st.integers(0, 10**7), st.integers(1, 5000), st.integers(1, 4))
def test_an_estimate_is_positive_and_within_what_the_client_allows(
    answers: list[tuple[int, int, int]], prompt_bytes: int, most: int, choices: int
) -> None:
    experience = Experience()
    for answer in answers:
        experience = experience.learn(*answer)
    estimate = experience.expect(prompt_bytes, max_completion=most, choices=choices)
    assert estimate.prompt >= 1
    assert 1 <= estimate.completion <= most * choices
    assert 0.25 <= experience.bytes_per_token <= 16


@given(st.integers(1, 2000), st.integers(1, 12), st.integers(30, 200))
def test_what_is_always_the_same_is_soon_expected(completion: int, bytes_per_token: int, n: int) -> None:
    experience = Experience()
    for _ in range(n + 50):
        experience = experience.learn(1000 * bytes_per_token, 1000, completion)
    estimate = experience.expect(1000 * bytes_per_token)
    assert estimate.prompt == pytest.approx(1000, rel=0.15)
    assert completion <= estimate.completion <= completion * 1.2 + 50


def test_the_first_answers_replace_the_guess() -> None:
    experience = Experience().learn(400, 100, 20)
    assert experience.completion == 20


def test_answers_that_differ_are_expected_at_the_long_end() -> None:
    experience = Experience()
    for number in range(400):
        experience = experience.learn(400, 100, 100 if number % 2 else 300)
    assert experience.completion == pytest.approx(200, abs=15)
    assert 350 <= experience.expect(400).completion <= 450


@pytest.mark.parametrize("answer", [(100, 10, 0), (100, 10, -5)])
def test_a_request_without_an_answer_teaches_nothing(answer: tuple[int, int, int]) -> None:
    assert Experience().learn(*answer) == Experience()


def test_a_prompt_of_which_nothing_is_known_teaches_only_the_answers_length() -> None:
    assert Experience().learn(0, 50, 100).bytes_per_token == Experience().bytes_per_token
    assert Experience().learn(50, 0, 100).bytes_per_token == Experience().bytes_per_token
    assert Experience().learn(50, -3, 100).bytes_per_token == Experience().bytes_per_token
    assert Experience().learn(1, 50, 100).bytes_per_token < Experience().bytes_per_token


def test_limits_count_tokens_alike_and_the_queue_counts_those_of_an_answer_dearer() -> None:
    estimate = TokenEstimate(100, 50)
    assert estimate.total == 150
    assert estimate.work == 100 + COMPLETION_WEIGHT * 50


def test_a_guess_is_made_of_four_bytes_a_token_and_two_hundred_tokens_give_or_take_a_hundred() -> None:
    guess = Experience()
    assert guess.expect(400) == TokenEstimate(100, 400)
    assert guess.likely(400) == TokenEstimate(100, 200)
    assert guess.expect(0, max_completion=0, choices=0) == TokenEstimate(1, 1)
    assert guess.likely(2, max_completion=150, choices=3) == TokenEstimate(1, 450)
    assert TokenEstimate(1, 1).work == 5, "a token of an answer costs four of a prompt"


def test_the_first_sixteen_answers_are_a_plain_mean_and_then_each_counts_a_sixteenth() -> None:
    seen = Experience()
    for n, (completion, deviation) in enumerate([(100, 100), (150, 100), (150, 200 / 3)]):
        seen = seen.learn(800, 100, [100, 200, 150][n])
        assert (seen.completion, seen.deviation) == pytest.approx((completion, deviation))
        assert seen.bytes_per_token == 8
    assert replace(seen, n=7).learn(0, 0, 150 + 80).completion == pytest.approx(150 + 80 / 8)
    assert replace(seen, n=8).learn(0, 0, 150 + 80).completion == pytest.approx(150 + 80 / 16)
    assert replace(seen, n=8, deviation=16.0).learn(0, 0, 150 - 32).deviation == pytest.approx(17)
    assert replace(seen, n=8).learn(800 * 3, 100, 150).bytes_per_token == pytest.approx(8 + 8 / 16), "16 at most"
    assert replace(seen, n=8).learn(10, 100, 150).bytes_per_token == pytest.approx(8 - 7.75 / 16), "a quarter at least"
    assert replace(seen, n=8).learn(1, 1, 1).n == 9
