"""From a key to who it is: memory of at most a second, one question for many who ask, nobody let in by a mistake."""

import asyncio

import pytest
from tests.fakes import LoopClock
from tests.memory_identity import MemoryIdentityStore

from thriftgate.errors import InvalidRequestError, NotFoundError, StoreUnavailableError
from thriftgate.identity.forms import KeyFile, read_key_file
from thriftgate.identity.keys import ENTROPY_BYTES, digest_of, make_key
from thriftgate.identity.permission import Denial, Denied
from thriftgate.identity.records import Identity, Key, Role, ServiceClass, Team, User
from thriftgate.services.identity.administration import IdentityAdministration, Imported
from thriftgate.services.identity.authentication import OUTAGE, UNKNOWN, Authenticator, RecentAnswers
from thriftgate.services.request.outages import Outages


class HandClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Entropy:
    """Other bytes each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return self.calls.to_bytes(8, "big") + digest_of(str(self.calls)) if size == ENTROPY_BYTES else bytes(size)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store() -> MemoryIdentityStore:
    return MemoryIdentityStore()


@pytest.fixture
def administration(store: MemoryIdentityStore, clock: HandClock) -> IdentityAdministration:
    return IdentityAdministration(store, clock, entropy=Entropy())


async def test_a_key_that_was_made_is_known_until_a_second_after_it_is_revoked(
    store: MemoryIdentityStore, clock: HandClock, administration: IdentityAdministration
) -> None:
    key, made = await administration.create_key({"alias": "ci", "role": "admin"})
    authenticator = Authenticator(store, clock)
    known = await authenticator.identify(made.text)
    assert isinstance(known, Identity)
    assert (known.key, known.role) == (key, Role.ADMIN)
    await administration.revoke_key(key.key_id)
    clock.now += 0.999
    assert isinstance(await authenticator.identify(made.text), Identity)
    clock.now += 0.001
    denied = await authenticator.identify(made.text)
    assert isinstance(denied, Denied)
    assert denied.reason is Denial.REVOKED


async def test_a_busy_key_costs_one_question_a_second(
    store: MemoryIdentityStore, clock: HandClock, administration: IdentityAdministration
) -> None:
    _, made = await administration.create_key({})
    authenticator = Authenticator(store, clock)
    store.questions = 0
    await asyncio.gather(*(authenticator.identify(made.text) for _ in range(100)))
    await authenticator.identify(made.text)
    assert store.questions == 1
    clock.now += 1.0
    await authenticator.identify(made.text)
    assert store.questions == 2


async def test_a_key_of_our_form_with_a_wrong_checksum_is_not_asked_for(
    store: MemoryIdentityStore, clock: HandClock
) -> None:
    text = make_key(bytes(ENTROPY_BYTES)).text
    assert await Authenticator(store, clock).identify(text[:-1] + "x") == UNKNOWN
    assert store.questions == 0


async def test_the_right_id_with_another_secret_is_nobodys(
    store: MemoryIdentityStore, clock: HandClock, administration: IdentityAdministration
) -> None:
    key, _ = await administration.create_key({})
    forged = make_key(b"f" * ENTROPY_BYTES, key_id=key.key_id)
    denied = await Authenticator(store, clock).identify(forged.text)
    assert isinstance(denied, Denied)
    assert denied.reason is Denial.UNKNOWN


async def test_nobody_is_let_in_while_the_store_is_away(store: MemoryIdentityStore, clock: HandClock) -> None:
    store.is_away = True
    outages = Outages(clock)
    authenticator = Authenticator(store, clock, outages=outages)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await authenticator.identify("sk-anything")
    assert (outages.of(OUTAGE).since, outages.of(OUTAGE).requests) == (1000.0, 2)
    store.is_away = False
    assert await authenticator.identify("sk-anything") == UNKNOWN
    assert outages.of(OUTAGE).since is None


async def test_whoever_leaves_does_not_take_the_answer_from_the_others() -> None:
    gate = asyncio.Event()

    async def ask(question: str) -> str:
        await gate.wait()
        return question.upper()

    recent = RecentAnswers(ask, LoopClock())
    one, other = asyncio.create_task(recent.get("x")), asyncio.create_task(recent.get("x"))
    await asyncio.sleep(0)
    one.cancel()
    gate.set()
    assert await other == "X"


async def test_memory_is_bounded(clock: HandClock) -> None:
    asked: list[int] = []

    async def ask(question: int) -> int:
        asked.append(question)
        return question

    recent = RecentAnswers(ask, clock, size=2)
    for question in (1, 2, 3, 3, 1):
        await recent.get(question)
    assert asked == [1, 2, 3, 1]


async def test_a_key_in_the_file_comes_with_the_files_user_and_team(
    store: MemoryIdentityStore, clock: HandClock
) -> None:
    file = read_key_file(
        {
            "teams": {"t": {"tier": "gold"}},
            "users": {"u": {"team": "t"}},
            "keys": [{"sha256": digest_of("sk-other").hex(), "user": "u"}],
        }
    )
    tiers = {"gold": ServiceClass(name="gold")}
    known = await Authenticator(store, clock, file=lambda: file, tiers=tiers).identify("sk-other")
    assert isinstance(known, Identity)
    assert (known.user_id, known.team_id, known.tier) == ("u", "t", tiers["gold"])
    assert store.questions == 0
    assert await Authenticator(store, clock, file=KeyFile).identify("sk-other") == UNKNOWN


async def test_whoever_has_no_tier_gets_the_default_one(
    store: MemoryIdentityStore, clock: HandClock, administration: IdentityAdministration
) -> None:
    _, plain = await administration.create_key({})
    _, gold = await administration.create_key({"tier": "gold"})
    authenticator = Authenticator(store, clock, tiers={"tin": ServiceClass(name="tin")}, default_tier="tin")
    found = [await authenticator.identify(made.text) for made in (plain, gold)]
    assert [one.tier_name for one in found if isinstance(one, Identity)] == ["tin", "gold"]


async def test_a_change_names_what_is_to_be_different_and_null_takes_away(
    administration: IdentityAdministration,
) -> None:
    await administration.create_owner(
        "team", "t", {"alias": "T", "models": ["a"], "budgets": [{"usd": 1, "per": "day"}]}
    )
    changed = await administration.change_owner("team", "t", {"models": None, "tier": "gold"})
    assert (changed.alias, changed.grants.models, changed.grants.tier) == ("T", None, "gold")
    assert len(changed.grants.budgets) == 1
    key, _ = await administration.create_key({"team": "t", "expires": "2027-01-31", "metadata": {"a": 1}})
    again = await administration.change_key(key.key_id, {"alias": "x"})
    assert (again.expires_at, again.team_id, again.metadata) == (key.expires_at, "t", {"a": 1})
    assert again.digest == key.digest


async def test_what_makes_no_sense_changes_nothing(administration: IdentityAdministration) -> None:
    await administration.create_owner("user", "u", {})
    for wrong in ({"team": "nobody"}, {"id": "v"}, {"blocked": "perhaps"}):
        with pytest.raises(InvalidRequestError):
            await administration.change_owner("user", "u", wrong)
    for name in ("", "a b", "x" * 200, "é"):
        with pytest.raises(InvalidRequestError, match="an id has"):
            await administration.create_owner("team", name, {})
    with pytest.raises(InvalidRequestError, match="there is a user"):
        await administration.create_owner("user", "u", {})
    with pytest.raises(NotFoundError):
        await administration.change_owner("team", "nobody", {})
    assert await administration.owner("user", "u") == User(user_id="u", created_at=1000.0)


async def test_a_file_is_taken_over_and_may_be_again(
    administration: IdentityAdministration, store: MemoryIdentityStore
) -> None:
    digest = digest_of("sk-litellm").hex()
    file = read_key_file({"teams": {"t": {}}, "keys": [{"sha256": digest, "team": "t", "alias": "old"}]})
    assert await administration.take_over(file) == Imported(1, 0, 1, 0)
    key = (await administration.keys())[0]
    await administration.revoke_key(key.key_id)
    assert await administration.take_over(file) == Imported(1, 0, 0, 1)
    assert (await administration.key(key.key_id)).revoked_at is not None
    with pytest.raises(InvalidRequestError, match="revoked"):
        await administration.rotate_key(key.key_id)
    assert store.all_teams == {"t": Team(team_id="t", created_at=1000.0)}


async def test_a_key_that_was_made_elsewhere_cannot_be_rotated(administration: IdentityAdministration) -> None:
    file = read_key_file({"keys": [{"sha256": digest_of("sk-litellm").hex()}]})
    await administration.take_over(file)
    key: Key = (await administration.keys())[0]
    with pytest.raises(InvalidRequestError, match="elsewhere"):
        await administration.rotate_key(key.key_id)
