"""The stage `prompt`: which version a request gets, and what of the client's request stays."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from thriftgate.config.sections.prompts import RoutePromptConfig
from thriftgate.errors import InvalidPromptError
from thriftgate.prompts.registry import Registry, parse_prompt
from thriftgate.services.request.prompts import PromptMissingError, PromptService
from thriftgate.types import Caller, ChatRequest, PromptRef

ROUTE = RoutePromptConfig(name="support")
SETTINGS = """
labels: {production: control}
experiments:
  short:
    variants: {control: 50, concise: 50}
    start: 2026-07-01
    stop: 2026-08-01
    holdout: 10%
"""
IN_JULY = 1783000000.0


@dataclass
class Source:
    registry: Registry

    def snapshot(self) -> Registry:
        return self.registry

    async def refresh(self) -> Registry:
        return self.registry


@dataclass
class Clock:
    now: float = IN_JULY

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class Setup:
    """A service over one prompt, and the clock it reads."""

    settings: str = SETTINGS
    clock: Clock = field(default_factory=Clock)

    def service(self) -> PromptService:
        files = {
            "prompt.yaml": self.settings,
            "control.md": "---\nparams: {temperature: 0.2, max_tokens: 9}\nvariables: {name: {default: you}}\n---\n"
            "Long for {{ name }}.",
            "concise.md": "Short.",
        }
        parsed = parse_prompt("support", files, {})
        assert parsed.prompt is not None, parsed.problems
        return PromptService(Source(Registry({"support": parsed.prompt})), self.clock)


def request(user: str | None = None, **given: Any) -> ChatRequest:
    messages = given.pop("messages", ({"role": "user", "content": "Where is my fern?"},))
    return ChatRequest(
        request_id="r", route="support", messages=messages, caller=Caller(user_id=user, key_hash="k"), **given
    )


def test_plain_messages_get_the_system_prompt_and_its_parameters() -> None:
    asked = request(params={"temperature": 0.9, "user": "u"}, prompt_variables={"name": "Ada"})
    applied, ref = Setup("").service().apply(asked, ROUTE)

    assert applied.messages == (
        {"role": "system", "content": "Long for Ada."},
        {"role": "user", "content": "Where is my fern?"},
    )
    assert applied.params == {"temperature": 0.9, "user": "u", "max_tokens": 9}
    assert (ref.name, ref.variant, ref.experiment) == ("support", "control", None)
    assert len(ref.version) == 12
    assert asked.params == {"temperature": 0.9, "user": "u"}


def test_content_of_several_parts_passes_untouched() -> None:
    parts = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}], "name": "n"}
    applied, _ = Setup("").service().apply(request(messages=(parts,)), ROUTE)

    assert applied.messages[1] is parts


def test_an_experiment_deals_its_variants_and_is_named_in_the_reference() -> None:
    service = Setup().service()
    refs = [service.apply(request(f"user-{number}"), ROUTE)[1] for number in range(200)]
    dealt = {ref.variant for ref in refs if ref.experiment == "short"}

    assert dealt == {"control", "concise"}
    assert 5 <= sum(ref.experiment is None for ref in refs) <= 40  # the holdout
    assert all(ref.variant == "control" for ref in refs if ref.experiment is None)
    assert refs == [service.apply(request(f"user-{number}"), ROUTE)[1] for number in range(200)]


@pytest.mark.parametrize("now", [IN_JULY - 31 * 86400, IN_JULY + 31 * 86400])
def test_outside_its_dates_everybody_gets_the_label(now: float) -> None:
    service = Setup(clock=Clock(now)).service()

    assert {service.apply(request(f"u{n}"), ROUTE)[1].variant for n in range(50)} == {"control"}


def test_without_a_user_the_label_is_served() -> None:
    assert Setup().service().apply(request(None), ROUTE)[1].experiment is None


def test_a_stopped_variant_is_served_to_nobody() -> None:
    service = Setup().service()
    service.stops = {"support/short": frozenset({"concise"})}

    assert {service.apply(request(f"u{n}"), ROUTE)[1].variant for n in range(50)} == {"control"}


def test_a_route_may_keep_out_of_experiments_and_choose_its_label() -> None:
    route = RoutePromptConfig(name="support", label="concise", experiments=False)
    refs = {Setup().service().apply(request(f"u{n}"), route)[1] for n in range(50)}

    assert refs == {PromptRef(name="support", variant="concise", version=next(iter(refs)).version)}


def test_variables_of_the_other_variant_are_accepted_by_both() -> None:
    service = Setup().service()
    for number in range(30):
        service.apply(request(f"u{number}", prompt_variables={"name": "Ada"}), ROUTE)

    with pytest.raises(InvalidPromptError, match="no variable 'nmae'"):
        service.apply(request(prompt_variables={"nmae": "Ada"}), ROUTE)


@pytest.mark.parametrize("unit", ["session", "key", "request"])
def test_the_unit_decides_who_keeps_a_variant(unit: str) -> None:
    service = Setup(SETTINGS.replace("start:", f"unit: {unit}\n    start:").replace("10%", "0")).service()

    def variants(callers: list[Caller], ids: list[str]) -> set[str]:
        return {
            service.apply(
                ChatRequest(request_id=i, route="s", messages=({"role": "user", "content": "q"},), caller=c), ROUTE
            )[1].variant
            for c, i in zip(callers, ids, strict=True)
        }

    ids = [str(number) for number in range(40)]
    fixed = Caller(user_id="u", session_id="s", key_hash="k")
    moving = [Caller(user_id="u", session_id=i, key_hash=i) for i in ids]
    assert len(variants(moving, ids)) == 2
    assert len(variants([fixed] * 40, ids)) == (2 if unit == "request" else 1)


def test_a_prompt_or_label_that_is_not_there_is_an_error_of_the_operator() -> None:
    service = Setup("").service()

    with pytest.raises(PromptMissingError, match="there is no prompt 'sales'"):
        service.apply(request(), RoutePromptConfig(name="sales"))
    with pytest.raises(PromptMissingError, match="has nothing labelled 'candidate'"):
        service.apply(request(), RoutePromptConfig(name="support", label="candidate"))


@pytest.mark.parametrize(
    ("prompt_id", "variant"), [("support/concise", "concise"), ("support/production", "control"), (None, "control")]
)
def test_a_client_may_name_the_version_it_wants(prompt_id: str | None, variant: str) -> None:
    applied, ref = Setup("labels: {production: control}").service().apply(request(prompt_id=prompt_id), ROUTE)
    assert ref.variant == variant
    assert applied.messages[0]["content"] == ("Short." if variant == "concise" else "Long for you.")


def test_a_named_version_takes_no_part_in_an_experiment_and_the_bare_name_does() -> None:
    service = Setup().service()
    users = [f"u{number}" for number in range(40)]
    named = {service.apply(request(user, prompt_id="support/control"), ROUTE)[1].experiment for user in users}
    bare = {service.apply(request(user, prompt_id="support"), ROUTE)[1].experiment for user in users}
    assert named == {None}
    assert "short" in bare


@pytest.mark.parametrize(
    ("prompt_id", "words"),
    [
        ("billing", "serves the prompt 'support' and no other"),
        ("support/nope", "has no such version; it has concise, control, production"),
    ],
)
def test_another_prompt_or_version_is_refused_by_the_parameter_s_name(prompt_id: str, words: str) -> None:
    with pytest.raises(InvalidPromptError, match=words) as refused:
        Setup().service().apply(request(prompt_id=prompt_id), ROUTE)
    assert refused.value.param == "prompt_id"
