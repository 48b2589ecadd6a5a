"""Requests lose their values before they leave, conversations keep their placeholders, and outages refuse."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from thriftgate.errors import ContentBlockedError, PrivacyUnavailableError, StoreUnavailableError
from thriftgate.ports import KeptPseudonyms
from thriftgate.privacy.findings import Text
from thriftgate.privacy.policy import Action, PrivacyPolicy
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.privacy.restoring import Restorer
from thriftgate.privacy.spans import TextSpan
from thriftgate.services.privacy.protecting import Conversation, PrivacyService

PEOPLE = re.compile(r"Alice|Bob|Carol")
POLICY = PrivacyPolicy({"PERSON": Action.PSEUDONYMIZE, "PROJECT": Action.MASK}, deny=(("PROJECT", "Bluebird"),))


class FakeAnalyzer:
    """Knows three people; remembers what it was asked."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.history: list[Text] = []
        self.callers: list[str] = []

    async def analyze(self, texts: Sequence[Text], *, caller: str = "") -> list[list[TextSpan]]:
        self.callers.append(caller)
        if self.is_broken:
            raise PrivacyUnavailableError("away")
        self.history += texts
        return [[TextSpan(*one.span(), "PERSON", 0.9) for one in PEOPLE.finditer(text.text)] for text in texts]


class MemoryVault:
    """What PostgreSQL would keep; `rivals` come first, one at each save."""

    def __init__(self) -> None:
        self.rows: dict[str, KeptPseudonyms] = {}
        self.rivals: list[Pseudonym] = []
        self.is_away = False

    async def load(self, conversation: str) -> KeptPseudonyms | None:
        if self.is_away:
            raise StoreUnavailableError("away")
        return self.rows.get(conversation)

    async def save(self, conversation: str, entries: Sequence[Pseudonym], *, after: int) -> bool:
        if self.rivals:
            kept = self.rows.get(conversation)
            known = kept.entries if kept else ()
            self.rows[conversation] = KeptPseudonyms((*known, self.rivals.pop()), (kept.version if kept else 0) + 1)
        current = self.rows[conversation].version if conversation in self.rows else 0
        if current != after:
            return False
        self.rows[conversation] = KeptPseudonyms(tuple(entries), after + 1)
        return True


def service(analyzer: FakeAnalyzer | None = None, vault: MemoryVault | None = None) -> PrivacyService:
    return PrivacyService(analyzer or FakeAnalyzer(), vault or MemoryVault(), key=b"k" * 32)


def said(*texts: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


async def test_values_go_out_as_placeholders_and_come_back() -> None:
    protected = await service().protect(said("I am Alice", "and Bob, not Alice", "about Bluebird"), POLICY)
    sent = [message["content"] for message in protected.body["messages"]]
    assert sent == ["I am <PERSON_1>", "and <PERSON_2>, not <PERSON_1>", "about <PROJECT>"]
    stream = Restorer(protected.values).stream()
    assert stream.feed(sent[1]) + stream.flush() == "and Bob, not Alice"
    assert protected.counts == {"PERSON": 3, "PROJECT": 1}


async def test_a_session_goes_on_where_it_was_without_its_history() -> None:
    vault = MemoryVault()
    for worker in (service(vault=vault), service(vault=vault)):
        protected = await worker.protect(said("I am Alice" if not vault.rows else "Bob!"), POLICY, Conversation("c"))
    assert protected.body["messages"][0]["content"] == "<PERSON_2>!"
    assert protected.values == {"<PERSON_1>": "Alice", "<PERSON_2>": "Bob"}
    other = await service(vault=vault).protect(said("Carol"), POLICY, Conversation("d"))
    assert other.values == {"<PERSON_1>": "Carol"}


async def test_what_a_conversation_knows_is_read_under_its_name_and_an_earlier_one() -> None:
    vault = MemoryVault()
    before = PrivacyService(FakeAnalyzer(), vault, key=b"k" * 32)
    await before.protect(said("I am Alice"), POLICY, before.conversation("ada", "session", "s"))
    now = PrivacyService(FakeAnalyzer(), vault, key=b"n" * 32, earlier_keys=[b"k" * 32])
    assert [one.value for one in await now.known(now.conversation("ada", "session", "s"))] == ["Alice"]
    assert not await now.known(now.conversation("bob", "session", "s"))


async def test_a_person_has_one_name_in_the_books_that_needs_the_key() -> None:
    one, other = service(), PrivacyService(FakeAnalyzer(), MemoryVault(), key=b"n" * 32)
    assert one.hashed_name("Alice") == service().hashed_name("Alice") != one.hashed_name("Bob")
    assert one.hashed_name("Alice") != other.hashed_name("Alice")
    assert "Alice" not in one.hashed_name("Alice")


@pytest.mark.parametrize("action", [Action.BLOCK, Action.PRIVATE, Action.PSEUDONYMIZE])
async def test_names_that_are_sent_nowhere_refuse_nothing_and_are_told_apart_each_by_itself(action: Action) -> None:
    policy, vault = PrivacyPolicy({"PERSON": action}, deny=(("PERSON", "Bluebird"),)), MemoryVault()
    names = ["Alice Liddell", "bluebird-7", "customer-4711", "Keller"]
    protected = await service(vault=vault).protect(said("hi"), policy, Conversation("c"), names=names)
    assert protected.personal == {"Alice Liddell", "bluebird-7"}
    assert (protected.body, protected.private, protected.entries) == (said("hi"), frozenset(), ())


async def test_a_conversation_goes_on_after_the_key_has_changed_and_needs_the_earlier_one_once() -> None:
    vault, before, now = MemoryVault(), b"k" * 32, b"n" * 32

    async def say(text: str, key: bytes, *earlier: bytes) -> str:
        one = PrivacyService(FakeAnalyzer(), vault, key=key, earlier_keys=earlier)
        return (await one.protect(said(text), POLICY, one.conversation("ada", "session", "s"))).body["messages"][0][
            "content"
        ]

    assert await say("Alice", before) == "<PERSON_1>"
    assert await say("Alice", now, before) == "<PERSON_1>"
    assert await say("Alice and Bob", now) == "<PERSON_1> and <PERSON_2>"
    assert await say("Bob", b"x" * 32) == "<PERSON_1>", "another conversation"


async def test_what_an_operator_lists_is_that_in_any_case_whatever_a_model_takes_it_for() -> None:
    deny = (("PROJECT", "Alice"), ("PROJECT", "Blue Heron"))
    masking = PrivacyPolicy({"PERSON": Action.PSEUDONYMIZE, "PROJECT": Action.MASK}, deny=deny)
    protected = await service().protect(said("Alice, BLUE heron, Bob", "blue%20heron, heron"), masking)
    sent = [message["content"] for message in protected.body["messages"]]
    assert sent == ["<PROJECT>, <PROJECT>, <PERSON_1>", "<PROJECT>, heron"]
    blocking = PrivacyPolicy({"PERSON": Action.PSEUDONYMIZE, "PROJECT": Action.BLOCK}, deny=deny)
    with pytest.raises(ContentBlockedError, match="PROJECT"):
        await service().protect(said("about Alice"), blocking)


async def test_two_requests_of_one_session_at_once_never_share_a_number() -> None:
    vault = MemoryVault()
    vault.rivals = [Pseudonym("PERSON", 1, 0, "Carol")]
    protected = await service(vault=vault).protect(said("Alice"), POLICY, Conversation("c"))
    assert protected.values == {"<PERSON_1>": "Carol", "<PERSON_2>": "Alice"}


async def test_many_requests_at_once_agree() -> None:
    vault = MemoryVault()
    names = ["Alice", "Bob", "Carol"] * 4
    answers = await asyncio.gather(
        *(service(vault=vault).protect(said(name), POLICY, Conversation("c")) for name in names)
    )
    given = {(name, answer.body["messages"][0]["content"]) for name, answer in zip(names, answers, strict=True)}
    assert len(given) == 3
    assert len({placeholder for _, placeholder in given}) == 3


async def test_a_conversation_that_the_provider_knows_and_we_do_not_gets_numbers_of_its_own() -> None:
    unknown = service().conversation("key", "resp_1", is_continued=True)
    protected = await service().protect(said("Alice"), POLICY, unknown)
    number = int(re.findall(r"\d+", protected.body["messages"][0]["content"])[0])
    assert number >= 1_000


async def test_an_outage_refuses() -> None:
    with pytest.raises(PrivacyUnavailableError):
        await service(FakeAnalyzer(is_broken=True)).protect(said("Alice"), POLICY)
    vault = MemoryVault()
    vault.is_away = True
    with pytest.raises(StoreUnavailableError):
        await service(vault=vault).protect(said("Alice"), POLICY, Conversation("c"))


async def test_a_blocked_kind_refuses_and_names_only_the_kind() -> None:
    with pytest.raises(ContentBlockedError) as blocked:
        await service().protect(said("Alice"), PrivacyPolicy({"PERSON": Action.BLOCK}))
    assert "Alice" not in str(blocked.value)


async def test_a_conversations_name_says_nothing_and_differs_by_caller() -> None:
    names = {service().conversation(caller, "s").id for caller in ("key-a", "key-b")}
    assert len(names) == 2
    assert not any("key" in name for name in names)


class NotingThreads(tuple[tuple[str, str], ...]):
    """Values that are always taken out, and in which threads somebody read them."""

    threads: set[int]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.threads.add(threading.get_ident())
        return super().__iter__()


async def test_a_long_request_is_masked_beside_the_loop_and_a_short_one_on_it() -> None:
    deny = NotingThreads(POLICY.deny)
    policy = PrivacyPolicy(POLICY.actions, deny=deny)
    for conversation in (None, Conversation("c")):
        for length, is_on_loop in ((10, True), (1_000, False)):
            deny.threads = set()
            protected = await service().protect(said("Alice, " * length), policy, conversation)
            assert protected.body == said("<PERSON_1>, " * length)
            assert (deny.threads == {threading.get_ident()}) is is_on_loop


class ReadFields(dict[str, Any]):
    """Fields that note in which threads they were read."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.threads: list[int] = []

    def items(self) -> Any:
        self.threads.append(threading.get_ident())
        return super().items()


@pytest.mark.parametrize(
    ("content", "is_on_loop"),
    [
        ("Alice", True),
        ("Alice, " * 999, False),
        ([{"a": 1}] * 999, False),
        ({str(one): 1 for one in range(999)}, False),
    ],
)
async def test_a_long_request_is_read_beside_the_loop_and_a_short_one_on_it(content: Any, is_on_loop: bool) -> None:
    message = ReadFields({"role": "user", "content": content})
    await service().protect({"messages": [message]}, POLICY)
    assert (message.threads[0] == threading.get_ident()) is is_on_loop


async def test_what_is_allowed_and_what_is_unsure_stays() -> None:
    policy = PrivacyPolicy({"PERSON": Action.PSEUDONYMIZE}, allow=frozenset({"alice"}), thresholds={"PERSON": 0.95})
    assert (await service().protect(said("Alice, Bob"), policy)).body == said("Alice, Bob")
    await service().protect({"messages": json.loads("[]")}, policy)


PRIVATE = PrivacyPolicy({"PERSON": Action.PRIVATE, "PROJECT": Action.MASK}, deny=(("PROJECT", "Bluebird"),))


async def test_a_private_value_goes_out_as_it_is_and_its_kind_is_told() -> None:
    protected = await service().protect(said("I am Alice", "about Bluebird"), PRIVATE)
    assert [message["content"] for message in protected.body["messages"]] == ["I am Alice", "about <PROJECT>"]
    assert protected.private == {"PERSON"}
    assert (await service().protect(said("about Bluebird"), PRIVATE)).private == frozenset()
    assert (await service().protect(said("I am Alice"), POLICY)).private == frozenset()


async def test_a_conversation_stays_private_when_the_value_is_not_sent_again() -> None:
    vault = MemoryVault()
    await service(vault=vault).protect(said("I am Alice"), PRIVATE, Conversation("c"))
    assert (await service(vault=vault).protect(said("thanks"), PRIVATE, Conversation("c"))).private == {"PERSON"}
    assert (await service(vault=vault).protect(said("thanks"), PRIVATE, Conversation("d"))).private == frozenset()
    await service(vault=vault).remember("answer-1", vault.rows["c"].entries)
    later = await service(vault=vault).protect(said("and?"), PRIVATE, Conversation("answer-1", is_continued=True))
    assert later.private == {"PERSON"}


async def test_what_is_blocked_is_blocked_beside_what_is_private() -> None:
    policy = PrivacyPolicy({"PERSON": Action.PRIVATE, "PROJECT": Action.BLOCK}, deny=(("PROJECT", "Bluebird"),))
    with pytest.raises(ContentBlockedError):
        await service().protect(said("I am Alice, about Bluebird"), policy)


async def test_the_analyzer_is_told_who_asks() -> None:
    analyzer = FakeAnalyzer()
    await service(analyzer).protect(said("Alice"), POLICY, caller="hash of a key")
    assert analyzer.callers == ["hash of a key"]
