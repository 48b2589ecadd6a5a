r"""Codes that open something and are digits or words: PINs, one-time codes, recovery codes, seed phrases, passphrases.

Digits are a secret only where a word says so, and only beside it: "error code 4711" has none.

Failure behaviour: pure. Linear: every repetition is bounded.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.recognizers.credential_words import PASSWORD_WORD, SUFFIX
from thriftgate.privacy.scanning import Scan

_OF = (
    r"verif\w{1,10}|véri\w{1,8}|security|seguran[çc]a|seguridad|sécurité|sicurezza|one[- ]?time|log-?in|sign-?in"
    r"|access|acc[eè]s\w{0,2}"
    r"|acceso|acesso|confirm\w{1,7}|conferma|authenti\w{1,8}|authori[sz]ation|auth|2fa|mfa|otp|totp|two[- ]factor|sms"
    r"|unlock|door|gate"
    r"|alarm[ae]?|alarme|safe|entry|locker|activa\w{1,6}|attivazione|ativação|recovery|backup|scratch|rescue|emergency|reset|secret\w?|segreto"
    r"|secreto|device|pairing|approval|validation|récupération|secours|déverrouillage|connexion|porte|un solo uso"
    r"|recuper\w{1,7}"
    r"|desbloqu\w{1,3}|sblocco|porta|puerta|pin|telephone banking|voicemail|setup|authenticator|einrichtungs"
)
_CODE = r"(?:c[oó]d(?:es?|igos?|ice|ici)|kode?|keys?|passcode)"
WORD = (
    rf"(?:(?:(?<![^\W_])(?:{_OF})[ _-]?(?:{_CODE}|pin|numbers?|combination)s?"
    rf"|{_CODE} (?:d[ei'\u2019l]{{1,3}} ?)?(?:l[ao] )?(?:{_OF}))"
    r"|(?<![^\W_-])(?:pins?(?:[ -]?(?:codes?|nummer|nr|kod\w{0,2}))?|pincodes?|puk\d?|otp|totp|i?m?tan|passcodes?"
    r"|digicode)"
    r"|(?:best(?:ä|ae)tigungs|verifi\w{3,9}|sicherheits|freischalt|aktivierungs|zugangs|t(?:ü|ue)r|einmal|anmelde|login"
    r"|entsperr|wiederherstellungs|alarm|tresor|backup|sms|geheim|beveiligings|bevestigings|toegangs|herstel|activerings"
    r"|ontgrendel|deur|inlog|säkerhets|bekräftelse\w?|engångs|åtkomst|återställnings|dörr|port|larm|sikkerheds|sikkerhets"
    r"|bekræftelses|engangs|dør)[ -]?(?:codes?|pin|nummer|zahl(?:en)?|kod\w{0,2}|kombination|kennwort)"
    r"|(?:vahvistus|turva|tunnus|ovi|palautus|pin-?)(?:koodi|luku)\w{0,3}"
    r"|(?:ellenőrző|megerősítő|biztonsági|belépési) ?kód\w{0,3}|(?:ověřovací|bezpečnostní|potvrzovací"
    r"|přístupový) kód\w{0,2}"
    r"|kod (?:weryfikacyjny|bezpieczeństwa|dostępu|potwierdzający|sms|jednorazowy|pin|logowania)|(?:doğrulama|onay"
    r"|güvenlik"
    r"|giriş) kodu\w{0,3}"
    r"|codul? (?:de )?(?:verificare|securitate|confirmare|acces)"
    r"|код\w{0,2} (?:подтверждения|доступа|безопасности|из смс|активации|восстановления)|п[ию]н-?код\w{0,2}"
    r"|одноразов\w{2,3} код"
    r"|(?:combination|code|codes?|pin|código|codice) (?:of|to|for|für|zur?m?|de|del|della|do|da|van) (?:(?:the|my|die"
    r"|den|das|l[ea]|el|il|o|het|our) )?"
    r"(?:(?:front|back|main|garage|key) )?(?:door|gate|safe|alarm|lock|locker|garage|building|house|tresor|haustür"
    r"|tür|porte|puerta|porta|deur)"
    r"|(?:safe|door|gate|alarm|lock|locker|tresor|phone) (?:opens|unlocks|is opened) (?:with|by)"
    r"|(?:two[- ]factor|2fa|google|account) (?:recovery|backup)"
    r"|验证码|驗證碼|校验码|动态码|动态密码|取款密码|恢复码|认证码|認証コード|確認コード|暗証番号|ワンタイムパスワード|リカバリーコード"
    r"|セキュリティコード|인증 ?번호|인증 ?코드|보안 ?코드)(?![A-Za-z\u00c0-\u024f])"
)
_IS = (
    r"is|are|was|were|lautet|lauten|ist|war|est|sont|es|son|era|è|sono|é|foi|är|var|er|on|to|je|este|es[te]|jest|nu|of|sms|said|says"
    r"|shows|reads|showed|(?:and|und|et|y|e|en) (?:entered|typed|got|received|eingegeben)|entered|typed"
)
_DIGITS = r"\d{4}[ -]\d{4}(?!\d)|\d{3}[ -]\d{3}(?!\d)|(?:[A-Z]-)?\d{4,8}(?!\d)|\d{2} \d{2} \d{2}|\d(?:[ -]\d){3,7}"
_GROUPS = (
    r"(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9]{4,8}(?:-[A-Za-z0-9]{4,8}){1,9}"
    r"|(?=[a-z]{0,11}\d)(?=\d{0,11}[a-z])[a-z0-9]{8,12}(?![^\W_])"
    r"|(?=[a-z ]{0,40}[2-7])[a-z2-7]{4}(?: [a-z2-7]{4}){3,7}|(?=[A-Z ]{0,40}[2-7])[A-Z2-7]{4}(?: [A-Z2-7]{4}){3,7}"
)
_END = (
    r"(?![A-Za-z0-9_\u00c0-\u024f]|[.,:/-]\d|[ -]?(?:digit|character|char|number|Ziffer|Zeichen|stellig|chiffre|cifr"
    r"|dígit|minute|second|hour|times|%|€"
    r"|lines?\b|Zeilen|lignes|l[ií]neas|righe|regels|words\b|years?\b|Jahre|ans\b|años|anni\b|jaar\b)"
    r"| (?:means|bedeutet|signifie|significa|betekent)\b)"
)
_OPENING = r"[\"'`\u201e\u201c\u300c(\[*]{0,3}"
_NAMED = re.compile(
    rf"(?i){WORD}[\"'`*\])]{{0,3}}"
    rf"(?:(?: ?\([^()\n]{{1,24}}\))?(?: (?!(?:is|not|must|has|nicht|pas"
    rf"|no)\b)[^\W\d_]{{1,14}}){{0,5}}? (?:{_IS})(?: (?:l[ea]|el|il|der|die|o|nun|now))?:?"
    rf"|(?: (?!not\b|must\b|has\b)[^\W\d_]{{1,14}}){{0,3}}? ?(?:[:=#>?\u2192\u3001|-]|=>|->|[是为は]|:=){{1,2}}"
    rf"|)[ \t]{{0,4}}{_OPENING}"
    rf"(?P<value>(?-i:{_DIGITS}|{_GROUPS})){_END}"
)
"""Behind its word."""
_LIST = re.compile(
    rf"(?i)(?:recovery|backup|scratch|rescue|emergency|notfall|wiederherstellungs|r[ée]cup[ée]ration|recupera\w{{2,4}}|recupero|herstel|secours)[^\n\d]{{0,24}}?"
    rf"[ :=\[\"'(\n-]{{1,6}}(?P<values>(?:(?:\d{{1,2}}[.)] )?[\"'`*-]{{0,2}}(?-i:{_DIGITS}"
    rf"|{_GROUPS})(?!\w)[\"'`*]{{0,2}}(?:,? ?(?:and|und|et|y|e|en|or)? ?|,?\s{{1,4}})){{2,20}})"
)
_ONE = re.compile(rf"(?-i:{_DIGITS}|{_GROUPS})(?!\w)")
_BEFORE = re.compile(
    rf"(?i)(?<![\w.,/:+-])(?P<value>(?-i:(?:[A-Z]-)?\d{{4,8}}|\d{{3}}[ -]\d{{3}}))(?: (?:is|ist|est|es|è|é|er|är|as"
    rf"|als|comme|como|come|jest|to|это|[-\u2013]))"
    rf"(?: [^\W\d_]{{1,12}}){{0,4}}? ?{WORD}"
)
""""… is your code"."""
_SENT = re.compile(
    r"(?i)\b(?:code|kod[en]?|código|codice|koodi|kód|код)(?:(?: (?!is\b|was\b)[^\W\d_]{1,12}){0,6}?"
    r" (?:is|was|says|ist|war|lautet|est|es|era|è|é|era|was|är|er|jest)|(?: (?!is\b|was\b)[^\W\d_]{1,12}){1,4}(?=:))?"
    r"[: ]{1,2}(?P<value>(?-i:\d{4,8}|\d{3}[ -]\d{3}))" + _END
)
_USE = re.compile(
    r"(?i)\b(?:use|enter|type|verwenden sie|nutzen sie|utilisez|utiliza|usa|usi|gebruik)(?: den code| le code"
    r"| el código| the code)?"
    r" (?P<value>(?-i:\d{4,8}|\d{3}[ -]\d{3})) (?:to|for|um|zum|zur|pour|para|per|om)\b[^\n]{0,24}?"
    r"(?:verif|confirm|log|sign|bestätig|anmeld|einlogg|connect|vérif|inici|acced|inlog)"
)
_SENT_BEFORE = re.compile(
    r"(?i)(?<![\w.,/:+-])(?P<value>(?-i:\d{4,8}|\d{3}[ -]\d{3})) (?:is|was|ist|war|est|es|era|è|é) (?:the|my|your|der"
    r"|mein|le|mon|el|mi|il|mio|o|meu|de|mijn) (?:code|código|codice)\b"
)
_OTHER_CODE = re.compile(
    r"(?i)(?:error|status|exit|return|zip|postal|post|area|country|product|promo|discount|coupon|voucher|http|dial\w{0,3}|branch|sort"
    r"|bank|currency|airport|tax|course|class|colou?r|item|order|booking|tracking|reference|postnum\w{0,3}|fehler|d['\u2019]erreur|erreur"
    r"|rabatt|gutschein|source|cost|store|article|swift|dress|bar|qr|hs|naf|ape|gift|student|project|job|response) ?\Z"
)
_SENDERS = re.compile(
    r"(?i)\b(?:alarm\w*|app|share|weitergeben|partagez?|compart\w*|sms|text(?:ed)?|verif\w{1,8}|log(?:ged)?[ -]?in"
    r"|sign[ -]?in|2fa|authent\w{0,9}|expired|e-?mail|safe"
    r"|door|alarm|gate|unlock|phone"
    r"|handy|móvil|cellulare|teléfono|téléphone|telefoon|abgelaufen|anmeld\w{0,3}|einlogg\w{0,3}|reçu|recib\w{1,3}|ricevut\w|ontvangen|receb\w{1,3})\b"
)
_OTHER_KIND = re.compile(
    r"(?i)\b(?:c[oó]d[a-z]{1,3}|kod\w{0,2}) (?:d\w{1,2} (?:l[ae] )?|der |van de )?"
    r"(?:client\w?|customer|cliente|promo\w{0,7}|postal\w?|article|articolo|art[íi]culo|commande|pedido|ordine"
    r"|bestelling|bestellung|order|produ\w{2,4}|prodotto|fiscal\w?|parrainage|banque|guichet)\b"
)
"""Of a customer, an order, an article."""
_BOOKED = re.compile(
    r"(?i)(?:booking|reservation|hotel|flight|order|buchungs?|reserva\w{0,8})\b.{0,8}\Z|confirmation numbers?\b.*\Z"
)
"""What confirms a booking is told to everybody."""
_YEAR_OR_DAY = re.compile(r"(?:19|20)\d{2}(?:(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))?\Z|\d{4}\Z|20\d\d[ -](?:19|20)\d\d\Z")
_OF_CODES = re.compile(r"(?i)c[oó]d|kod|key|pin|phrase|schlüssel|cl[ée]\b|chiav|llave|scratch|2fa|factor|number|nummer")
_NEAR = 60
_WHOSE = re.compile(
    r"(?i:\b(?:my|mein|mon|mi|mio|mijn|meu|min) (?:code|kode|kod|código|codice)\b)[^\d\n]{0,16}\d{4,8}\Z"
    r"|[A-Z][A-Za-z]{2,20}[ -][Cc]ode: ?(?:\d{6}|\d{3}[ -]\d{3})\Z"
)
"""Somebody's own, or of a company that sent it."""
_ASKED = re.compile(
    rf"(?i)(?:{WORD}|\bcode\b)[^\n]{{0,48}}[?.:!]?\n[^\n\d]{{0,24}}(?P<value>{_DIGITS})[.!]?[ \t]{{0,4}}(?=\n|\Z)"
)
"""On the next line, or in the next turn of a chat."""
_PHRASE = (
    r"(?:(?:seed|recovery|secret|backup|mnemonic|wallet)[ _-]?(?:phrase|words)|mnemonic(?:[ _-]?phrase)?"
    r"|(?:12|15|18|24|twelve|twenty[ -]four)[ -]words?(?: phrase| seed)?|seed\b"
    r"|(?:wiederherstellungs|sicherungs|seed-?|recovery-?)(?:phrase|wörter|satz)"
    r"|phrase (?:de )?(?:récupération|secrète|mnémonique|graine|secours)|graine|semilla"
    r"|frase (?:semilla|di recupero|segreta|mnemonica|secreta|mnem[oó]nica|de recupera\w{2,4}|semente)"
    r"|palabras semilla|palavras semente"
    r"|herstel(?:zin|woorden)|palauteslause|fraza\b|сид-?фраз\w|助记词|シードフレーズ|시드 ?구문)"
)
_SEED = re.compile(
    rf"(?i){_PHRASE}[^\n]{{0,32}}?[\s:=\"'`>]{{1,4}}(?P<value>(?-i:(?:\d{{1,2}}[.)] ?)?[a-z]{{3,8}}(?:[ ,\n]{{1,2}}"
    rf"(?:\d{{1,2}}[.)] ?)?[a-z]{{3,8}}){{11,25}}))(?!\w)"
)
_PASSPHRASE = re.compile(
    r"(?i)(?:pass[ -]?phrase|master[ -]?pass(?:word|wort)|security answer|sicherheitsantwort|parola d['\u2019]ordine"
    r"|passwort-?satz"
    r"|phrase secrète|frase segreta|frase secreta|(?:wi-?fi|wlan|wpa[23]?)[ -]?(?:pass\w{0,6}|kennwort|key|schlüssel"
    r"|psk))"
    r"(?: (?:for|of|für|de|per) [^\n:=]{1,48}?)?"
    r"[\"'`*]{0,2} ?(?:to|is|ist|est|è|es|é|:|=|->|\u2192){1,2} ?(?P<quote>[\"'`\u201c\u201e]?)"
    r"(?P<value>(?-i:[a-z]{3,12}(?:[ -][a-z]{3,12}){2,7}))(?=[\"'`\u201d\u201c.,;!]{0,2}\s{0,2}(?:\n|\Z|[A-Z]))"
)
_DIGITS_ONLY = re.compile(
    rf"(?i)(?:{PASSWORD_WORD}){SUFFIX}(?: (?!is\b|was\b)[^\W\d_]{{1,12}}){{0,5}}?(?: (?:{_IS}):?"
    rf"| ?[:=]) [\"'\u201e\u00ab]?(?P<value>\d{{4,20}}){_END}"
)
_QUOTED = re.compile(
    r"(?i)(?:pass(?:word|wort|phrase)|kennwort|mot de passe|contraseña|senha|wachtwoord|lösenord)[^\n\"]{0,16}\""
    r"(?P<value>(?-i:[a-z]{3,12}(?:[ -][a-z]{3,12}){2,7}))\""
)
_SMALL = frozenset({
    "the", "and", "for", "with", "from", "are", "was", "were", "has", "have", "had", "your", "not", "but",
    "its", "their", "they", "this", "that", "you", "our", "his", "her", "can", "will", "must", "should", "may",
    "please", "see", "enter", "use", "type", "wiki", "page", "ask", "look", "same", "contain", "least",
    "between", "der", "die", "das", "und", "oder", "nicht", "ist", "sind", "war", "wird", "mit", "von", "für",
    "ein", "eine", "bitte", "siehe", "les", "des", "une", "est", "sont", "pas", "avec", "pour", "dans", "los",
    "las", "una", "con", "para", "por", "che", "non", "per", "sono", "het", "een", "van", "niet", "met", "uma",
    "com", "não", "seu", "sua", "invalid", "incorrect", "wrong", "expired", "required", "missing", "optional",
    "changed", "reset", "forgotten", "lost",
})  # fmt: skip
"""Words of a sentence: a phrase that opens something has none."""
_KEY = re.compile(
    r"(?<![\w-])(?:(?=[A-Z-]{0,28}\d)(?=[\d-]{0,28}[A-Z])[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}|\d{6}(?:-\d{6}){7}"
    r"|(?=[A-Z-]{0,28}\d)(?=[\d-]{0,28}[A-Z])[A-Z0-9]{4}(?:-[A-Z0-9]{4}){5,6})(?![\w-])"
)
"""Of Windows, of BitLocker, of FileVault."""
_HINT = re.compile(
    r"(?i)code|c[oó]di|kod|kód|код|pin|puk|otp|tan\b|key|zahl|nummer|koodi|luku|combination|phrase|words?\b|mnemonic|seed|fras|graine"
    r"|herstel|semilla|palauteslause|验证|驗證|校验|动态|取款|恢复|认证|認証|確認|暗証|ワンタイム|リカバリー|セキュリティ|인증|보안|助记词|シード|시드|фраз"
    r"|verif|confirm|bestätig|recover|backup|factor|opens|unlock|pass|answer|antwort|kennwort|contrase|senha|wachtwoord|lösenord|parola"
)


_ALWAYS = 50_000
"""Longer texts are not asked first whether they have any word: they do, and asking is one long step."""
_LABEL = re.compile(rf"(?i)[\w. -]{{0,40}}?{WORD}[\w. ?-]{{0,16}}")
_LABEL_OF_WORDS = re.compile(rf"(?i){_PHRASE}")
_WORDS = re.compile(r"[a-z]{3,8}(?: [a-z]{3,8}){11,23}")
_VALUE = re.compile(rf"(?:{_DIGITS}|{_GROUPS})")
_POSTAL_PIN = re.compile(r"(?i)pin[ -]?code\W.*?[1-8]\d{5}\Z")
"""Of India."""
_LONGEST_LABEL = 80
_DIGITS_NEAR = re.compile(r"\d(?:[ -]?\d){3}|[A-Za-z]\d|\d[A-Za-z]")
_FEWEST_BLANKS = 11
"""Of a phrase of twelve words."""


def told_codes(text: str) -> Iterator[tuple[int, int] | None]:
    """Where codes begin and end; None is a pause."""
    if "-" in text:
        for match in Scan(_KEY, text):
            yield None if match is None else match.span()
    if len(text) < _ALWAYS and _HINT.search(text) is None:
        return
    for pattern, is_there in (
        *((one, _has_code(text)) for one in (_NAMED, _BEFORE, _DIGITS_ONLY, _USE)),
        (_ASKED, "\n" in text),
        (_SEED, text.count(" ") >= _FEWEST_BLANKS or text.count("\n") >= _FEWEST_BLANKS),
    ):
        for match in Scan(pattern, text) if is_there else ():
            is_one = match is not None and (pattern is not _NAMED or not _is_other(text, match))
            yield match.span("value") if match is not None and is_one else None
    yield from _sent(text) if _has_code(text) else ()
    yield from _listed(text)
    for pattern in (_PASSPHRASE, _QUOTED):
        for match in Scan(pattern, text):
            is_one = match is not None and not _SMALL.intersection(re.split("[ -]", match["value"]))
            yield match.span("value") if match is not None and is_one else None


def _listed(text: str) -> Iterator[tuple[int, int] | None]:
    """Of a list; years, days and counts only where it is called one of codes ("recovery rates were 1200, 1300")."""
    for match in Scan(_LIST, text):
        if match is None:
            yield None
            continue
        is_called_so = _OF_CODES.search(text, match.start(), match.start("values")) is not None
        for one in _ONE.finditer(text, *match.span("values")):
            yield one.span() if is_called_so or _YEAR_OR_DAY.match(one[0]) is None else None


def _sent(text: str) -> Iterator[tuple[int, int] | None]:
    """Codes that are called no more than that, where somebody speaks of what sends them or what they open."""
    for pattern in (_SENT, _SENT_BEFORE):
        for match in Scan(pattern, text):
            if (
                match is None
                or _OTHER_CODE.search(text, max(0, match.start() - 16), match.start()) is not None
                or _OTHER_KIND.match(match[0]) is not None
            ):
                yield None
                continue
            near = text[max(0, match.start() - _NEAR) : match.end()], text[match.end() : match.end() + _NEAR]
            is_sent = any(map(_SENDERS.search, near)) or _WHOSE.search(near[0], 0, len(near[0])) is not None
            yield match.span("value") if is_sent else None


def _is_other(text: str, match: re.Match[str]) -> bool:
    """True for a postal code of India, and for the number of a booking."""
    before = text[max(0, match.start() - 16) : match.start()]
    is_booked = "onfirm" in match[0] and (_BOOKED.search(before) or _BOOKED.search(match[0][: -len(match["value"])]))
    return bool(is_booked) or _POSTAL_PIN.match(match[0]) is not None


def _has_code(text: str) -> bool:
    """False where no digits are near each other, and none beside a letter."""
    return len(text) >= _ALWAYS or _DIGITS_NEAR.search(text) is not None


def is_named_code(label: str, value: str) -> bool:
    """True for a key or heading of a code with a value that looks like one."""
    if not label or len(label) > _LONGEST_LABEL:
        return False
    if _WORDS.fullmatch(value) is not None:
        return _LABEL_OF_WORDS.search(label) is not None
    return _VALUE.fullmatch(value) is not None and _LABEL.fullmatch(label) is not None
