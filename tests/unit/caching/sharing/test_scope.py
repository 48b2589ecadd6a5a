import re
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thriftgate.caching.sharing.canonical import digest
from thriftgate.caching.sharing.scope import CacheScope, RequestIdentity, ScopeSettings, scope_of, tenant_of
from thriftgate.services.request.reading import view_of
from thriftgate.types import Caller, ChatRequest, PromptRef
from thriftgate.wire.identity import IMMATERIAL_FIELDS, IdentityRules, identity
from thriftgate.wire.turns import Dialect

PROMPT = PromptRef(name="support", variant="control", version="abc")
ASK: dict[str, Any] = {"role": "user", "content": "How do I reset my password?"}
REQUEST = ChatRequest(
    request_id="r1",
    route="support",
    messages=({"role": "system", "content": "Be kind."}, ASK),
    params={"temperature": 0.2},
    caller=Caller(key_hash="k1", team_id="t1", user_id="u1"),
)


NOT_IN_FRAME = IMMATERIAL_FIELDS[Dialect.CHAT] | {"model", "messages", "max_tokens", "max_completion_tokens"}


def _containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    _containers,
    max_leaves=8,
)


def scope(request: ChatRequest = REQUEST, **changes: Any) -> CacheScope:
    """The scope as a route makes it."""
    rules = IdentityRules(history_turns=changes.pop("history_turns", None), max_tokens_apart=True)
    seen = identity(view_of(request), rules)
    arguments: dict[str, Any] = {
        "settings": ScopeSettings(), "prompt": PROMPT, "tiers": ("small", "large"), "embedder": "minilm", **changes,
    }  # fmt: skip
    return scope_of(request, identity=RequestIdentity(seen.frame, seen.question), **arguments)


def talk(*texts: str) -> tuple[dict[str, Any], ...]:
    """A conversation of alternating user and assistant messages."""
    return tuple({"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts))


def equal_as_json(a: object, b: object) -> bool:
    """What `encode` promises to tell apart, by a definition of its own."""
    if isinstance(a, dict) and isinstance(b, dict):
        left, right = cast("dict[str, object]", a), cast("dict[str, object]", b)
        return left.keys() == right.keys() and all(equal_as_json(left[key], right[key]) for key in left)
    if isinstance(a, list) and isinstance(b, list):
        items, others = cast("list[object]", a), cast("list[object]", b)
        return len(items) == len(others) and all(map(equal_as_json, items, others))
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    return isinstance(a, str) == isinstance(b, str) and a == b


@given(json_values, json_values)
def test_two_values_share_a_digest_exactly_when_they_are_equal_as_json(a: object, b: object) -> None:
    assert (digest(a) == digest(b)) == equal_as_json(a, b)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, object], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert digest({key: value[key] for key in keys}) == digest(value)


LOOKALIKES: list[tuple[object, object]] = [
    (["ab", "c"], ["a", "bc"]),
    (["a", ["b"]], [["a"], "b"]),
    ([1, "1"], ["1", 1]),
    ([True], [1]),
    ([None], ["null"]),
    ([], [[]]),
    ({}, []),
    ({"a": "b"}, ["a", "b"]),
    ("s1:a", ["a"]),
    (["1:a"], ["a"]),
]


@pytest.mark.parametrize(("a", "b"), LOOKALIKES)
def test_no_string_imitates_a_structure(a: object, b: object) -> None:
    assert digest(a) != digest(b)


def test_whole_floats_are_integers_in_json() -> None:
    assert digest(1) == digest(1.0)
    assert digest(0.1) != digest(0.10000001)


@pytest.mark.parametrize("value", [object(), {1: "a"}, [{"a": {2}}]])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        digest(value)


different: dict[str, CacheScope] = {
    "team": scope(replace(REQUEST, caller=Caller(key_hash="k1", team_id="t2"))),
    "route": scope(replace(REQUEST, route="sales")),
    "prompt name": scope(prompt=replace(PROMPT, name="other")),
    "prompt variant": scope(prompt=replace(PROMPT, variant="b")),
    "prompt version": scope(prompt=replace(PROMPT, version="abd")),
    "no prompt": scope(prompt=None),
    "prompt variables": scope(replace(REQUEST, prompt_variables={"product": "x"})),
    "system text": scope(replace(REQUEST, messages=({"role": "system", "content": "Be rude."}, ASK))),
    "no system text": scope(replace(REQUEST, messages=(ASK,))),
    "developer instead of system": scope(
        replace(REQUEST, messages=({"role": "developer", "content": "Be kind."}, ASK))
    ),
    "system text later": scope(replace(REQUEST, messages=(ASK, {"role": "system", "content": "Be kind."}))),
    "earlier turn": scope(replace(REQUEST, messages=(REQUEST.messages[0], *talk("Hi", "Hello"), ASK))),
    "prefilled answer": scope(replace(REQUEST, messages=(*REQUEST.messages, {"role": "assistant", "content": "You"}))),
    "name of the speaker": scope(replace(REQUEST, messages=(REQUEST.messages[0], {**ASK, "name": "Ann"}))),
    "image": scope(
        replace(
            REQUEST,
            messages=(
                REQUEST.messages[0],
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": ASK["content"]},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    ],
                },
            ),
        )
    ),
    "tier": scope(tiers=("small",)),
    "tier order": scope(tiers=("large", "small")),
    "embedder": scope(embedder="other"),
}
MATERIAL: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.5,
    "n": 2,
    "stop": ["."],
    "seed": 1,
    "logit_bias": {"5": 1},
    "logprobs": True,
    "top_logprobs": 2,
    "modalities": ["audio"],
    "audio": {"voice": "a"},
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "a_parameter_of_tomorrow": 1,
}
different |= {
    f"param {name}": scope(replace(REQUEST, params={**REQUEST.params, name: value})) for name, value in MATERIAL.items()
}


@pytest.mark.parametrize("name", different)
def test_a_difference_in_any_field_makes_another_scope(name: str) -> None:
    assert different[name].scope != scope().scope


def test_no_two_of_these_differences_meet_in_one_scope() -> None:
    assert len({each.scope for each in different.values()}) == len(different)


@pytest.mark.parametrize("name", sorted(IMMATERIAL_FIELDS[Dialect.CHAT]))
def test_what_does_not_change_the_answer_does_not_change_the_scope(name: str) -> None:
    assert scope(replace(REQUEST, params={**REQUEST.params, name: "x"})) == scope()


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4), st.text(max_size=8), json_values)
def test_any_other_value_of_any_parameter_makes_another_scope(
    params: dict[str, object], name: str, value: object
) -> None:
    assume(name not in NOT_IN_FRAME and not equal_as_json(params.get(name), value))
    before = scope(replace(REQUEST, params=params))
    assert scope(replace(REQUEST, params={**params, name: value})).scope != before.scope


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_texts_never_flow_from_one_field_into_the_next(a: str, b: str, c: str, d: str) -> None:
    assume((a, b) != (c, d))

    def of(route: str, system: str) -> str:
        return scope(replace(REQUEST, route=route, messages=({"role": "system", "content": system}, ASK))).scope

    assert of(a, b) != of(c, d)


def test_the_question_is_no_part_of_the_scope_but_of_the_key() -> None:
    other = scope(replace(REQUEST, messages=(REQUEST.messages[0], {"role": "user", "content": "Another question"})))
    assert other.scope == scope().scope
    assert other.key != scope().key
    assert other.question == "Another question"
    assert other.coalescing_key != scope().coalescing_key


def test_a_parameter_that_is_null_was_not_sent() -> None:
    assert scope(replace(REQUEST, params={**REQUEST.params, "seed": None})) == scope()


def test_a_request_without_a_question_has_an_empty_one() -> None:
    assert scope(replace(REQUEST, messages=())).question == ""
    assert scope(replace(REQUEST, messages=({"role": "user", "content": None},))).question == ""


def test_request_ids_and_wishes_do_not_matter() -> None:
    assert scope(replace(REQUEST, request_id="r2", no_cache=True, no_store=True, traceparent="x")) == scope()


def test_an_unhashable_parameter_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        scope(replace(REQUEST, params={"response_format": object()}))


# Earlier turns


@given(st.lists(st.text(max_size=4), min_size=2, max_size=9), st.data())
def test_without_a_window_every_earlier_word_counts(texts: list[str], data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(texts) - 1))
    others = [text + "!" if place == changed else text for place, text in enumerate(texts)]
    before = scope(replace(REQUEST, messages=(*talk(*texts), ASK)))
    assert scope(replace(REQUEST, messages=(*talk(*others), ASK))).scope != before.scope


@given(st.integers(1, 4), st.integers(0, 6), st.integers(0, 6))
def test_a_window_looks_at_the_latest_turns_only(window: int, common: int, extra: int) -> None:
    shared = [text for turn in range(common) for text in (f"q{turn}", f"a{turn}")]
    older = [text for turn in range(extra) for text in (f"Q{turn}", f"A{turn}")]
    one = scope(replace(REQUEST, messages=(*talk("X", "Y", *older, *shared), ASK)), history_turns=window)
    two = scope(replace(REQUEST, messages=(*talk("Z", "W", *older, *shared), ASK)), history_turns=window)
    assert (one.scope == two.scope) == (common + extra >= window)


def test_a_conversation_that_fits_the_window_never_matches_the_end_of_a_longer_one() -> None:
    short = scope(replace(REQUEST, messages=(*talk("a", "b"), ASK)), history_turns=1)
    long = scope(replace(REQUEST, messages=(*talk("x", "y", "a", "b"), ASK)), history_turns=1)
    assert short.scope != long.scope


# Tenants


@pytest.mark.parametrize(
    ("tenant", "caller", "expected"),
    [
        ("team", Caller(team_id="t", key_hash="k", user_id="u"), ["team", "t"]),
        ("team", Caller(key_hash="k", user_id="u"), ["key", "k"]),
        ("team", Caller(user_id="u"), None),
        ("team", Caller(team_id="", key_hash=""), None),
        ("key", Caller(team_id="t", key_hash="k"), ["key", "k"]),
        ("key", Caller(team_id="t"), None),
        ("user", Caller(team_id="t", key_hash="k", user_id="u"), ["team", "t", "user", "u"]),
        ("user", Caller(key_hash="k", user_id="u"), ["key", "k", "user", "u"]),
        ("user", Caller(team_id="t", key_hash="k"), ["key", "k"]),
        ("user", Caller(team_id="t"), None),
    ],
)
def test_who_the_tenant_is(tenant: Any, caller: Caller, expected: list[str] | None) -> None:
    assert tenant_of(caller, ScopeSettings(tenant=tenant)) == expected


def test_a_user_id_claimed_under_another_key_reaches_nothing() -> None:
    settings = ScopeSettings(tenant="user")
    mine = scope(replace(REQUEST, caller=Caller(key_hash="k1", user_id="u")), settings=settings)
    theirs = scope(replace(REQUEST, caller=Caller(key_hash="k2", user_id="u")), settings=settings)
    assert mine.scope != theirs.scope


def test_unknown_callers_never_share_by_accident() -> None:
    one = scope(replace(REQUEST, caller=Caller()))
    two = scope(replace(REQUEST, caller=Caller(), request_id="r2"))
    assert one.scope != two.scope
    assert not one.has_tenant


def test_all_tenants_share_only_when_told_to() -> None:
    settings = ScopeSettings(share="global")
    callers = (Caller(), Caller(key_hash="k"), Caller(team_id="t"))
    scopes = {scope(replace(REQUEST, caller=caller), settings=settings).scope for caller in callers}
    assert len(scopes) == 1
    assert scopes.isdisjoint({scope().scope})


@given(st.text(max_size=6), st.text(max_size=6))
def test_two_questions_share_a_key_only_when_they_are_the_same_characters(one: str, other: str) -> None:
    def asked(text: str) -> CacheScope:
        return scope(replace(REQUEST, messages=({"role": "user", "content": text},)))

    assert asked(one).scope == asked(other).scope
    assert (asked(one).key == asked(other).key) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many blanks are in 'a  b'?", "How many blanks are in 'a b'?"),
        (" How do I?", "How do I?"),
        ("How do I?\n", "How do I?"),
        ("cafe\u0301", "caf\u00e9"),
        ("polish", "Polish"),
        ("a\tb", "a b"),
        ("x\u00b2", "x2"),
    ],
)
def test_an_exact_hit_is_exact(one: str, other: str) -> None:
    keys = {scope(replace(REQUEST, messages=({"role": "user", "content": text},))).key for text in (one, other)}
    assert len(keys) == 2


def parted(*parts: str) -> CacheScope:
    """Text parts, with a picture wherever an empty string is."""
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    content = [{"type": "text", "text": part} if part else picture for part in parts]
    return scope(replace(REQUEST, messages=({"role": "user", "content": content},)))


@given(*[st.lists(st.sampled_from(["", "a", "b", "a\nb"]), min_size=1, max_size=4)] * 2)
def test_parts_keep_their_places(one: list[str], other: list[str]) -> None:
    assert (parted(*one).coalescing_key == parted(*other).coalescing_key) is (one == other)


def test_the_last_text_is_the_question_and_the_others_are_asked_too() -> None:
    found = parted("Is it open today?", "", "See the picture")
    assert found.question == "See the picture"
    assert found.asked == "Is it open today?\nSee the picture"


def test_a_list_that_looks_like_a_text_part_is_another_one() -> None:
    texts = [{"type": "text"}, "a"]
    nested = scope(replace(REQUEST, messages=({"role": "user", "content": [texts, {"type": "text", "text": "b"}]},)))
    assert nested.coalescing_key != parted("a", "b").coalescing_key


@pytest.mark.parametrize("kind", [list, dict])
def test_deep_nesting_is_not_cacheable_and_no_crash(kind: type) -> None:
    value: Any = "x"
    for _ in range(5_000):
        value = [value] if kind is list else {"a": value}
    with pytest.raises(TypeError):
        scope(replace(REQUEST, params={"tools": value}))


def test_hashes_are_hex() -> None:
    assert re.fullmatch("[0-9a-f]{64}", scope().scope)
    assert re.fullmatch("[0-9a-f]{64}", scope().key)


def test_no_tenant_and_everybody_have_the_number_0_and_each_tenant_its_own() -> None:
    def number(team: str | None = None) -> float:
        return scope(replace(REQUEST, caller=Caller(team_id=team))).tenant

    everybody = ScopeSettings(share="global")
    assert scope(settings=everybody).tenant == 0.0
    assert number() == 0.0
    assert 0.0 != number("t1") != number("t2") != 0.0


def test_what_was_kept_before_a_release_is_found_after_it() -> None:
    """Another digest forgets every cache: then `SCOPE_VERSION` goes up too."""
    kept = "6cc3d9ef86d4d6997fd184307fb009034f5dec8ab1b3093a74929fb14d61e126"
    nothing: list[str] = []
    assert digest([True, False, None, "a", 1, 0.5, {"b": nothing}]) == kept
