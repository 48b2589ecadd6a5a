"""Sessions that cannot be forged, tokens of forms, and a limit to guessing."""

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.proxy.page.sessions import Attempts, Sessions

NOW = 1_795_457_000.0
NONCES = st.text("abcXYZ019-_", min_size=1, max_size=24)


@given(nonce=NONCES, lifetime=st.integers(1, 100_000), passed=st.floats(0, 200_000))
def test_a_session_is_good_until_it_ends(nonce: str, lifetime: int, passed: float) -> None:
    sessions = Sessions("sk-master")
    session = sessions.read(sessions.issue(now=NOW, lifetime=lifetime, nonce=nonce), now=NOW + passed)
    assert (session is not None) == (NOW + passed < int(NOW + lifetime))
    assert session is None or session.nonce == nonce


@given(place=st.integers(0, 200), other=st.characters(max_codepoint=0x2FF))
def test_a_session_with_one_other_character_is_none(place: int, other: str) -> None:
    value = Sessions("sk-master").issue(now=NOW, lifetime=60, nonce="nonce")
    place %= len(value)
    forged = value[:place] + other + value[place + 1 :]
    assert (Sessions("sk-master").read(forged, now=NOW) is None) == (forged != value)


@given(value=st.text(max_size=60))
def test_whatever_a_browser_sends_is_read_without_an_error(value: str) -> None:
    assert Sessions("sk-master").read(value, now=NOW) is None
    assert not Sessions("sk-master").is_form_token("login", value, value)


def test_another_master_key_ends_every_session() -> None:
    value = Sessions("sk-old").issue(now=NOW, lifetime=60, nonce="nonce")
    assert Sessions("sk-old").read(value, now=NOW) is not None
    assert Sessions("sk-new").read(value, now=NOW) is None


def test_a_cookie_tells_nothing_of_the_master_key() -> None:
    assert "sk-master" not in Sessions("sk-master").issue(now=NOW, lifetime=60, nonce="nonce")


def test_the_token_of_a_form_is_good_for_that_form_in_that_browser_only() -> None:
    sessions = Sessions("sk-master")
    token = sessions.form_token("logout", "nonce")
    assert sessions.is_form_token("logout", "nonce", token)
    assert not sessions.is_form_token("login", "nonce", token)
    assert not sessions.is_form_token("logout", "other", token)
    assert not sessions.is_form_token("logout", "", sessions.form_token("logout", ""))


def test_the_token_of_a_form_is_no_session() -> None:
    sessions = Sessions("sk-master")
    claim = f"1.{int(NOW) + 60}.nonce"
    assert sessions.read(f"{claim}.{sessions.form_token('login', claim)}", now=NOW) is None


@given(times=st.lists(st.floats(0, 1_000), max_size=60))
def test_no_window_ever_holds_more_wrong_keys_than_the_limit(times: list[float]) -> None:
    attempts = Attempts(limit=3, window=100.0)
    tried: list[float] = []
    for now in sorted(times):
        if attempts.retry_after("1.2.3.4", now=now) is None:
            attempts.failed("1.2.3.4", now=now)
            tried.append(now)
    assert all(sum(start <= at < start + 100.0 for at in tried) <= 3 for start in tried)


def test_who_waits_as_long_as_told_may_try_again() -> None:
    attempts = Attempts(limit=2, window=100.0)
    attempts.failed("1.2.3.4", now=0.0)
    attempts.failed("1.2.3.4", now=30.0)
    assert attempts.retry_after("1.2.3.4", now=40.0) == 60.0
    assert attempts.retry_after("1.2.3.4", now=100.0) is None
    assert attempts.retry_after("5.6.7.8", now=40.0) is None


def test_a_right_key_takes_the_wrong_ones_back() -> None:
    attempts = Attempts(limit=2, window=100.0)
    attempts.failed("1.2.3.4", now=0.0)
    attempts.succeeded("1.2.3.4")
    attempts.failed("1.2.3.4", now=1.0)
    assert attempts.retry_after("1.2.3.4", now=2.0) is None


def test_so_many_addresses_are_remembered_and_no_more() -> None:
    attempts = Attempts(limit=1, window=100.0, most=2)
    for address in ("a", "b", "c"):
        attempts.failed(address, now=0.0)
    assert [attempts.retry_after(address, now=1.0) is None for address in ("a", "b", "c")] == [True, False, False]
