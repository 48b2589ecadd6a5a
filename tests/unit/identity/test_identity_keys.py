"""What a key looks like, and that only its digest is needed to know it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.identity.keys import (
    ENTROPY_BYTES,
    MAX_LENGTH,
    PREFIX,
    digest_of,
    foreign_id,
    is_same,
    make_key,
    read_key,
)

entropy = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(entropy)
def test_a_key_that_was_made_is_read_back_with_its_id_and_digest(raw: bytes) -> None:
    made = make_key(raw)
    read = read_key(made.text)
    assert read is not None
    assert (read.key_id, read.digest) == (made.key_id, made.digest)
    assert len(made.text) == len(PREFIX) + 60


@given(entropy, entropy)
def test_other_bytes_make_another_key(one: bytes, other: bytes) -> None:
    assert (make_key(one).text == make_key(other).text) == (one == other)


@given(entropy, st.data())
def test_a_key_with_one_wrong_character_is_no_key(raw: bytes, data: st.DataObject) -> None:
    text = make_key(raw).text
    place = data.draw(st.integers(len(PREFIX), len(text) - 1))
    letter = data.draw(st.sampled_from("0aZ9kQ").filter(lambda letter: letter != text[place]))
    assert read_key(text[:place] + letter + text[place + 1 :]) is None


@given(entropy, entropy)
def test_a_rotated_key_keeps_its_id_and_gets_another_secret(first: bytes, second: bytes) -> None:
    old = make_key(first)
    new = make_key(second, key_id=old.key_id)
    assert new.key_id == old.key_id
    assert (new.digest == old.digest) == (first[8:] == second[8:])


def test_a_key_takes_all_of_its_chance() -> None:
    with pytest.raises(ValueError, match="40 random bytes"):
        make_key(b"short")


def test_a_key_of_elsewhere_cannot_be_rotated_here() -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        make_key(bytes(ENTROPY_BYTES), key_id=foreign_id(digest_of("sk-other")))


@given(st.text(min_size=1, max_size=80).filter(lambda text: not text.startswith(PREFIX)))
def test_any_other_text_is_looked_for_by_its_digest(text: str) -> None:
    read = read_key(text)
    assert read is not None
    assert read.digest == digest_of(text)
    assert read.digest.hex().startswith(read.key_id)


@pytest.mark.parametrize("text", ["", "x" * (MAX_LENGTH + 1), PREFIX, PREFIX + "ö" * 60, PREFIX + "0" * 61 + "\n"])
def test_what_can_be_no_key_is_not_looked_for(text: str) -> None:
    assert read_key(text) is None


def test_a_lone_surrogate_in_a_key_is_a_key_that_nobody_has() -> None:
    assert read_key("\udc80") is not None


@given(st.binary(min_size=32, max_size=32), st.none() | st.binary(min_size=32, max_size=32))
def test_two_digests_are_the_same_only_when_they_are(one: bytes, other: bytes | None) -> None:
    assert is_same(one, other) == (one == other)


def test_nothing_is_not_the_same_as_zeros() -> None:
    assert not is_same(bytes(32), None)


def test_a_new_key_does_not_print_itself() -> None:
    made = make_key(bytes(range(ENTROPY_BYTES)))
    assert made.text not in repr(made)
