"""The words for a credential in names and sentences, and what could be one.

Failure behaviour: pure and total. Linear: every repetition is bounded.
"""

import itertools
import math
import re
from collections import Counter

WORLD_WORD = (
    r"lösenord\w{0,3}|kodeord\w{0,3}|adgangskode\w{0,3}|passord\w{0,2}|salasan\w{1,6}|jelsz(?:ó|av)\w{0,6}"
    r"|(?<![^\W_])hesl[oauey]\w{0,2}|(?<![^\W_])parol(?:(?!\w)|[ăaeêy]\w{0,4}|a d['\u2019]ordine)|[şs]ifre(?:m|n|si"
    r"|niz|miz"
    r"|yi|mi)?(?!\w)"
    r"|lozink\w{1,3}|парол\w{1,4}|код\w{0,2} доступа|κωδικ\w{2,3} πρόσβασης|סיסמ\w{1,3}|كلمة (?:المرور|السر)"
    r"|(?<![^\W_])mdp|(?<![^\W_])ww(?= ?[:=])|has[łl](?:o|a|em|ła)"
)
"""A password in many languages that English words do not cover, with the endings of its cases."""
SCRIPT_WORD = "密[码碼]|口令|パスワード|暗証番号|비밀번호|암호|รหัสผ่าน"
"""The same in scripts that part no words."""
_CODE_NAMES = (
    r"(?:recovery|backup|scratch|rescue)[ _-]?(?:codes?|keys?|phrase|words)|seed[ _-]?(?:phrase|words)|mnemonic"
    r"|(?:security|memorable|safe)[ _-]?(?:word|answer)"
)
KEYWORD = (
    rf"(?:{WORLD_WORD}|{_CODE_NAMES}|"
    r"pass(?:words?(?![a-z])|word|wd|phrase|code)|(?-i:(?<![A-Za-z])|(?<=[a-z0-9])(?=P))(?:pass|pin|pw)|pwd"
    r"|passwort|kennwort|contrase[ñn]a|mot[ _-]?de[ _-]?passe|senha|palavra[_-]?passe|parola[ _-]?chiave"
    r"|wachtwoord|secret|(?<![a-z])psk|(?<![\w-])clave(?= ?:)"
    r"|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|auth[ _-]?key|signing[ _-]?key|encryption[ _-]?key"
    r"|schl(?:ü|ue)ssel|geheimnis|zugangs?daten|jeton|cl[ée] (?:d['\u2019]|de )?(?:la )?(?:api|secr\w{1,4}|acc\w{1,4})"
    r"|clave (?:de )?(?:la )?(?:api|secreta|privada|acceso)"
    r"|(?:chiave|chave|llave)(?: (?:de|da|do|di|d['\u2019]))? ?(?:api|segreta|secreta|privada|acc\w{1,5}|acesso)"
    r"|sleutel|segreto|segredo|klucz|nyckel"
    r"|x-[a-z-]{2,20}-key|master[ _-]?key|account[ _-]?key|credentials?|connection[ _-]?string|license[ _-]?key)"
)
SUFFIX = r"(?:[_-][a-z0-9]{1,12}|\d{1,3}|(?-i:[A-Z][a-z]{1,12})){0,2}"
KEYWORD_HINTS = (
    "pass", "pwd", "kennwort", "contrase", "senha", "wachtwoord", "hasło", "haslo", "secret", "token", "key",
    "cred", "connection", "pin", "pw", "schl", "geheim", "zugang", "jeton", "clé", "cle ", "clave", "chiave",
    "chave", "llave", "sleutel", "segret", "segred", "klucz", "nyckel", "parola", "psk", "identified",
    "lösenord", "kode", "salasan", "jelsz", "hesl", "parol", "ifre", "lozink", "парол", "доступа", "πρόσβ", "סיסמ",
    "كلمة", "mdp", "ww", "hasł", "haseł", "hasl", "recovery", "backup", "security", "memorable", "rescue", "scratch",
    "seed", "mnemonic",
    "密", "口令", "パスワード", "暗証", "비밀번호", "암호", "รหัส",
    "in with", "unzip", "zip -", "login", "log-in", "anmelde", "identifiant", "credenc", "credenz", "inlog",
)  # fmt: skip
"""One of these is in every keyword, or beside a password that none names: a text without any need not be searched."""
_ASKED_FIRST = 50_000
"""Longer texts have one, and asking is one long step."""
_LABEL = re.compile(
    rf"[A-Za-z0-9_./ -]{{0,60}}?(?:{KEYWORD}{SUFFIX}|(?:{SCRIPT_WORD}))(?: ?#?\d{{1,2}})?(?: ?\([^()]{{1,24}}\))?[?:]?",
    re.IGNORECASE,
)
PASSWORD_WORD = (
    rf"(?:{WORLD_WORD}|"
    r"pass(?:words?|wds?|phrases?|codes?)|pwd?|passwort|passwörter|kennwort|contrase[ñn]a|mot[ _-]?de[ _-]?passe|senha"
    r"|palavra[_-]?passe|parola[ _-]?chiave|wachtwoord)"
)
SHORTEST_KEY, FEWEST_CHANGES = 12, 5
_OUT_OF_ORDER = re.compile(r"(?<=[A-Z])[a-z](?=[A-Z])|[A-Z]{2,}")
_CAPITAL_INSIDE = re.compile(r"[a-z][A-Z]")
_FEWEST_OUT_OF_ORDER = 3
"""`getXMLHTTPRequestID` has two."""
TECHNICAL = re.compile(
    r"(?i)(?:sha|md|utf|base|oauth|http|ipv|aes|rsa|bcrypt|argon|pbkdf|wpa|win|top|part|step|min|max|v|gpio|usb|com)-?\d"
    r"|[a-z]{2}-[a-z]{4,9}-\d\Z|\d{1,4}-?[a-z]{1,9}\W*\Z"
    r"|(?:office|windows|iphone|ipad|galaxy|pixel|android|macos|ios)-?\d{1,4}\W*\Z"
    r"|(?:inc|chg|req|ritm|prb|s?c?task)\d{5,10}\W*\Z"
)
PLACEHOLDER = re.compile(
    r"\$\([a-z]{2,12}(?=\Z|[\s)])|\{[A-Za-z_][A-Za-z_.]{0,40}\}(?=\Z|[\"'`@\s,;)])|(?i:x{3,}|\*{3,}|\.{3,}|your[_-]"
    r"|my[_-][a-z_-]{2,40}(?![^\s\"'`,;)])|<[\w .:-]{1,40}>|\$\{[^{}\s]{1,60}\}"
    r"|\{\{[^{}]{1,60}\}\}|%\(\w{1,60}\)|(?:example|changeme|redacted|placeholder|undefined|required|optional)(?!\w*\d)"
    r"|(?i:re_?place|change|insert|enter|put)[_-]?(?:me|it|here|your|this)(?!\w*\d)|\[[A-Za-z][A-Za-z _-]{2,30}\]"
    r"|\$[A-Z_]{2,60}\b|%[A-Z_]{2,60}%|\u2022{2,}|-{3,}|!(?:vault|secret|ref|sub)\b|(?i:<?hidden|removed|filtered)\b"
    r"|(?i:password|passwd|passwort|pass|pwd|secret|token|key|user(?:name)?)(?=\Z|[\"'`@\s,;)])"
    r"|(?i:n?varchar|char|text|bytea|(?:var)?binary)\b"
    r"|(?:settings|config|cfg|conf|self|this|app|secrets|creds|credentials|request|req|args|opts|options|params|data|user)"
    r"\.[A-Za-z_.]{2,60}(?![\w(])|[A-Za-z_]{3,31}(?:\.[A-Za-z_]\w{2,30}){1,5}\("
    r"|none\b|null\b|true\b|false\b|string\b|os\.environ|process\.env|getenv|env\.)"
)
_MOST_WORDS = 5
_PATTERN = re.compile(
    r"\(\?(?:P<\w{1,30}>|:[^()\s]{0,200}[|)\\]|[=!][.^\\\[(\w]{2}|<[=!][\\\[(\w]{2}|i\))|\[(?:\^[^\]\s]{1,24}|(?:a-z|A-Z|0-9|_-|\\[wds])[^\]\s]{0,24})\][+*?{)]|\{\d{1,4},\d{0,4}\}"
    r"|\\[wdsSWDbBZ](?:[]+*?{)]|\Z)|\[(?:a-z|A-Z|0-9)(?:A-Z|0-9)"
    r"|^\|?(?:[a-z_?-]{2,16}\|){2,}[a-z_?)|-]*$|^(?:[a-z_?-]{2,16}\|){1,8}[a-z_?-]{2,16}[)|\"']*$|^[(|]{0,2}\?[:<=!][a-z]+[|)]|\)\?\|"
    r"|^_-\]\?|^\|[a-z]+\??$|^[^\W\d_]+\)?\|\)?$|^[a-z]{2,12}[._][a-z_.]{2,24}\($|^\)?[?*+]?\|[a-z_]+$"
)
"""What a regular expression has, and hardly any password."""
_NAME_OF_ONE = re.compile(
    r"_?[A-Za-z]{1,24}(?:[_.][A-Za-z]{1,24}){1,6}\W{0,2}\Z|_[A-Za-z]{2,24}\W{0,2}\Z|[a-z]{2,16}(?:[A-Z][a-z]{1,16}){1,4}\Z"
)
"""A variable's name, which may be that of a credential."""
_BEHIND_CLOSED = re.compile(r"[\])][A-Za-z0-9]")
"""`ab[cd]12!`: no program has that."""
_CONSTANT = re.compile(r"_?[A-Z]{2,24}(?:_[A-Z]{2,24})+\W{0,2}\Z")
_CALL_OR_ITEM = re.compile(r"[\[({]?_?[A-Za-z]{1,24}(?:[_.][A-Za-z]{1,24}){0,6}[(\[][\w\[(\"'.{]")
_INNER_SIGNS, _END_SIGNS = frozenset("!@#$%^&*+=?|~"), "!?*%()[]{}<>:."
"""Signs in a credential, and those at its ends that a word of a page may have too."""
_MIXED_WORD = re.compile(r"(?=\S*[A-Za-z])(?=\S*\d)\S{3,}")
COUNTS = re.compile(
    r"(?i)(?:max|min|num|total|prompt|completion|input|output|used|cached|per|count|page|pagination|next|continuation"
    r"|sync|cursor|stop|special|mask)[_ -]?(?:\w+[_ -])?tokens?"
)

_IDENTIFIER = re.compile(
    r"(?:max|min|int|str|len|float|sum|round|abs|range|list|dict|set|print|cache|field|get_?\w*|re\.[a-z]+)\(|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z|[A-Z]{1,5}[-_/#]?\d{3,14}\W*\Z|\d{1,4}[.:/-]\d{1,4}"
    r"|[#@~\\]|[a-z_]{1,24}=|/[a-z_.-]{2,}(?:/|\Z)|[\w.+-]{1,64}@[\w-]{1,64}\.|[A-Za-z]:\\|\(?\d{1,4}[a-z]{1,3}\W*\Z"
)
"""A ticket, a date, an address: a sentence with a word for a password may have one as well."""
_ABOUT = re.compile(
    r"(?i:[_ -](?:file|path|dir|name|type|policy|header|url|uri|ttl|length|len|size|expiry|field|hint|prefix|method"
    r"|mode|format|version|env|var|ref|regex|pattern|date|at|timeout|lifetime)s?|key_?id)\Z"
    r"|(?<=[a-z])(?:File|Path|Dir|Name|Type|Policy|Header|Url|Uri|Ttl|Length|Size|Field|Hint|Prefix|Method|Mode|Format"
    r"|Version|Ref|Regex|Pattern|Date|At|Changed|Timeout|Lifetime|KeyId)s?\Z"
)
_AT_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{20,}\Z")


def may_name_one(text: str) -> bool:
    """False where no word for a credential is in the text."""
    if len(text) > _ASKED_FIRST:
        return True
    lowered = text.lower()
    return any(hint in lowered for hint in KEYWORD_HINTS)


def is_about(name: str, value: str) -> bool:
    """True where a name is of something about a credential (`password_file`, `secretName`) and so is the value."""
    if _ABOUT.search(name) is None:
        return False
    return _AT_RANDOM.match(value) is None or value.startswith("/") or changes(value) < 0.3 * len(value)


def is_password(value: str) -> bool:
    """True for what a sentence may have as a password: letters with digits or signs, and no name of a product."""
    if not is_value(value, is_prose=True) or len(value) < 6 or TECHNICAL.match(value) or _IDENTIFIER.match(value):
        return False
    if not any(character.isalpha() for character in value):
        return False
    has_sign = any(character in _INNER_SIGNS for character in value.strip(_END_SIGNS))
    return any(character.isdigit() for character in value) or has_sign or is_jumbled(value)


_FILE = re.compile(r"[\w.-]{1,64}\.[a-z]\w{1,4}\Z|.*[/\\:].*[/\\:.]|[A-Za-z_]\w*\(|v?\d+(?:\.\d+)+")
_STRONGEST = 64


def is_strong(value: str) -> bool:
    """True for what can hardly be anything but a password or a key, though no word stands beside it."""
    if not 8 <= len(value) <= _STRONGEST or not is_password(value) or _FILE.match(value):
        return False
    inner = value.strip(_END_SIGNS)
    has_sign = any(character in _INNER_SIGNS for character in inner)
    kinds = (
        has_sign,
        any(character.isdigit() for character in inner),
        any(character.islower() for character in inner),
        any(character.isupper() for character in inner),
    )
    return sum(kinds) >= 3 and (has_sign or changes(inner) >= 4)


def is_source(value: str) -> bool:
    """True for a call, an item or a variable that is called a credential, where no quotes stand around."""
    is_call = _CALL_OR_ITEM.match(value) is not None and _BEHIND_CLOSED.search(value) is None
    return is_call or _CONSTANT.match(value) is not None or is_variable(value)


def is_variable(value: str) -> bool:
    """True for the name of a credential in some program (`first_token`, `LITELLM_MASTER_KEY`)."""
    if _NAME_OF_ONE.match(value) is None:
        return False
    lowered = value.lower()
    return any(word in lowered for word in ("token", "key", "pass", "pwd", "secret", "credential", "auth"))


def names_a_secret(label: str) -> bool:
    """True for a label, a key or the heading of a column that names a credential."""
    return bool(_LABEL.fullmatch(label)) and not COUNTS.search(label)


def is_value(value: str, *, is_prose: bool, written: int = 0) -> bool:
    """True for what could be a credential; in a sentence a word must have a digit or a sign in it.

    Of several words one must have letters and digits: others are a remark. What is `written` with more characters may
    have something in it that only looks like an escape.
    """
    if len(value) < 4 or len(value) > 512 or PLACEHOLDER.match(value) or "://" in value or "\n" in value:
        return False
    if _PATTERN.search(value) or is_variable(value):
        return False
    has_digit = any(character.isdigit() for character in value)
    has_letter = any(character.isalpha() for character in value)
    if " " in value:
        return value.count(" ") < _MOST_WORDS and any(_MIXED_WORD.match(word) for word in value.split())
    if is_prose:
        has_sign = any(character in "!@#$%^&*+=?_|~<>{}[]" for character in value.strip("()[]{}<>"))
        return (has_digit or has_sign or is_jumbled(value)) and len(value.rstrip(".,;:")) >= 4
    return max(len(value), written) >= 6 and (has_digit or has_letter)


def is_named(value: str, *, is_prose: bool) -> bool:
    """True for what could be a credential beside a name, which also names messages, settings and functions."""
    if not is_value(value, is_prose=is_prose) or len(value) < 6:
        return False
    has_sign = any(character in _INNER_SIGNS for character in value.strip(_END_SIGNS))
    return any(character.isdigit() for character in value) or has_sign or is_jumbled(value)


def is_jumbled(value: str) -> bool:
    """Letters alone, upper and lower case in no order: a random key that by chance has no digit, and no identifier."""
    letters = value.replace("-", "")
    if letters != value and letters.isalpha() and len(_CAPITAL_INSIDE.findall(value)) > 1:
        return True  # in groups, as passwords are handed out
    is_long = len(letters) >= SHORTEST_KEY and letters.isascii() and letters.isalpha()
    is_mixed = not (value.isupper() or value.islower())
    return is_long and is_mixed and len(_OUT_OF_ORDER.findall(value)) >= _FEWEST_OUT_OF_ORDER


def changes(value: str) -> int:
    """How often upper case, lower case and digits change places; 0 where one of them is missing."""
    kinds = ["d" if character.isdigit() else "u" if character.isupper() else "l" for character in value]
    return sum(first != second for first, second in itertools.pairwise(kinds)) if len(set(kinds)) == 3 else 0


def entropy(value: str) -> float:
    """Bits per character by the value's own frequencies."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
