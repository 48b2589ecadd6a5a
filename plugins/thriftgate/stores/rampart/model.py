"""Rampart's network: a text in, for each of its words how likely it is part of a name, an address, a place.

A long text is read in windows that overlap; each word is judged in the window in which it has most around it.

Failure behaviour: a graph on disk that is damaged is built anew; a directory that cannot be written costs a build
(some seconds) at every start and nothing else. Missing weights are a ConfigurationError.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph
from thriftgate.stores.onnx_sessions import session_of
from thriftgate.stores.rampart.files import MODEL, RampartFiles
from thriftgate.stores.rampart.spans import KINDS, ScoredWord
from thriftgate.stores.readable_texts import without_surrogates

WINDOW = 128
"""Word pieces that are read at once; the network was trained on messages of about this length."""
OVERLAP = 16
EDGE = 24
"""Word pieces on either side of what is passed over that are read all the same."""
_NAMED = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u1e00-\u1eff][^\W_]|[^\W_][0-9A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_LONG, _DIGITS = 9, 4
"""A word of so many characters, so many of them digits, is a number of something: an IBAN, a card's, a digest."""
_EMAIL = re.compile(r"[\w.!#$'*+^`{}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[^\W\d_][\w-]{1,62}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
_LOCAL = 65
"""Characters up to the sign of an address, it with them."""
_PART = 8_000
"""Characters that are cut into word pieces at once."""
_PIECES = 5_000
"""Word pieces that are gone through at once."""
_WORD_END = re.compile(r"[ \t\n,;:.!?\u3001\u3002\u4e00-\u9fff\uff0c]")
"""Behind these a word ends whatever follows: blanks, signs that are words of their own, and Chinese characters."""
_CLS, _SEP = "[CLS]", "[SEP]"


class Rampart:
    """The loaded model. Not thread-safe: one thread calls it.

    Args:
        files: The installed weights.
        graph_dir: Where the built graph is kept; it is made when it does not exist.
        threads: CPU threads of one call.
        building: What another thread may end.
    """

    def __init__(
        self, files: RampartFiles, graph_dir: Path, *, threads: int = 1, building: GraphBuilding | None = None
    ) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A user who writes "[SEP]" means the five characters.
        self._tokenizer.encode_special_tokens = True
        ids = [self._tokenizer.token_to_id(token) for token in (_CLS, _SEP)]
        self._cls, self._sep = (number for number in ids if number is not None)
        self._groups = [
            [place for place, label in enumerate(files.labels) if label[2:] in labels] for labels in KINDS.values()
        ]
        kept = kept_graph(graph_path(files, graph_dir), partial(_graph, files), building)
        self._session = session_of(kept, threads)

    def words(self, text: str) -> list[ScoredWord]:
        """Every word of the text with the probability of each of `spans.KINDS`."""
        reading = self.reading(text)
        for _ in reading:
            pass
        return reading.words()

    def reading(self, text: str) -> "WindowedText":
        """The text, to be read a window at a time."""
        encode = partial(self._tokenizer.encode, add_special_tokens=False)
        return WindowedText(without_surrogates(text), encode, self._window, len(self._groups))

    def _window(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        feed = {"input_ids": np.array([self._cls, *ids, self._sep], dtype=np.int64)}
        logits = cast("list[npt.NDArray[np.float32]]", self._session.run(["logits"], feed))[0][1:-1]
        logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
        logits /= logits.sum(axis=-1, keepdims=True)
        return np.stack([logits[:, group].sum(axis=-1) for group in self._groups], axis=-1)


class WindowedText:
    """A text that is being read: iterate to its end, in short steps, most of them a window; then it has `words`."""

    def __init__(
        self,
        text: str,
        encode: Callable[[str], Any],
        read: Callable[[Sequence[int]], npt.NDArray[np.float32]],
        kinds: int,
    ) -> None:
        self._text = text
        self._encode = encode
        self._read = read
        self._kinds = kinds
        self._ids: list[int] = []
        self._offsets: list[tuple[int, int]] = []
        self._word_ids: list[int | None] = []
        self._words: list[ScoredWord] = []

    def __iter__(self) -> Iterator[None]:
        yield from self._split()
        places: list[int] = []
        for _ in _note_worth_reading(self._text, self._offsets, self._word_ids, places):
            yield
        ids = self._ids
        scores_of = np.zeros((len(ids), self._kinds), dtype=np.float32)
        step = WINDOW - 2 * OVERLAP
        for start in range(0, max(1, len(places) - 2 * OVERLAP) if len(places) else 0, step):
            here = places[start : start + WINDOW]
            scores = self._read([ids[place] for place in here])
            # Of what two windows share, each keeps its half.
            first = OVERLAP if start else 0
            scores_of[here[first:]] = scores[first:]
            yield
        yield from self._join(scores_of)

    def words(self) -> list[ScoredWord]:
        """Every word with the probability of each of `spans.KINDS`."""
        return self._words

    def _split(self) -> Iterator[None]:
        """The word pieces, a part of the text at a time, cut where a word ends in any case."""
        text, start, known = self._text, 0, 0
        while start < len(text):
            cut = _WORD_END.search(text, start + _PART)
            end = cut.end() if cut is not None else len(text)
            encoding = self._encode(text[start:end])
            self._ids += encoding.ids
            self._offsets += [(first + start, last + start) for first, last in encoding.offsets]
            self._word_ids += [None if word is None else word + known for word in encoding.word_ids]
            known += 1 + max((word for word in encoding.word_ids if word is not None), default=-1)
            start = end
            yield

    def _join(self, scores: npt.NDArray[np.float32]) -> Iterator[None]:
        words = self._words
        last: int | None = None
        for place, ((start, end), row, word) in enumerate(zip(self._offsets, scores, self._word_ids, strict=True), 1):
            if place % _PIECES == 0:
                yield
            if words and word is not None and word == last:
                before = words[-1]
                highest = tuple(max(one, float(other)) for one, other in zip(before.scores, row, strict=True))
                words[-1] = ScoredWord(before.start, max(end, before.end), highest)
            else:
                words.append(ScoredWord(start, end, tuple(map(float, row))))
            last = word


def worth_reading(text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int | None]) -> list[int]:
    """The places of the word pieces that the network reads: of many in a row that can be no name the outer ones.

    Those are words of one character and words without a Latin letter or a digit: each of their characters is a piece,
    and the network knows no other script. So are long numbers and e-mail addresses, which others find: they have a
    piece for every two characters.
    """
    kept: list[int] = []
    for _ in _note_worth_reading(text, offsets, words, kept):
        pass
    return kept


def _note_worth_reading(
    text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int | None], kept: list[int]
) -> Iterator[None]:
    """The same put down in `kept`, in short steps."""
    bare: list[int] = []
    place, pause, address = 0, _PIECES, 0
    while place <= len(offsets):
        if place >= pause:
            pause = place + _PIECES
            yield
        end = place + 1
        while end < len(offsets) and words[end] is not None and words[end] == words[place]:
            end += 1
        is_bare = False
        if place < len(offsets):
            first, last = offsets[place][0], offsets[end - 1][1]
            address = max(address, _end_of_address(text, first))
            is_bare = first < address or not _NAMED.search(text, first, last) or _is_number(text[first:last])
        if is_bare:
            bare += range(place, end)
        else:
            kept += bare if len(bare) <= 2 * EDGE else [*bare[:EDGE], *bare[-EDGE:]]
            bare.clear()
            kept += range(place, min(end, len(offsets)))
        place = end


def _end_of_address(text: str, start: int) -> int:
    """Where an e-mail address or a UUID ends that begins here; 0 where none does."""
    found = _UUID.match(text, start)
    if found is None and text.find("@", start, start + _LOCAL) >= 0:
        found = _EMAIL.match(text, start)
    return 0 if found is None else found.end()


def _is_number(word: str) -> bool:
    return len(word) >= _LONG and sum(map(str.isdigit, word)) >= _DIGITS


def graph_path(files: RampartFiles, graph_dir: Path) -> Path:
    """Where the 8-bit graph of these weights is kept."""
    return graph_dir / f"{MODEL}-{files.weights_hash}-int8-r2.onnx"


def _graph(files: RampartFiles) -> bytes:
    from thriftgate.stores.rampart.graph import build_token_graph

    return build_token_graph(files.graph)
