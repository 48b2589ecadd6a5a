"""Passwords, codes and keys as strangers write them in twenty languages, programs and formats; and what is none."""

import random
import string

import pytest
from tests.unit.privacy.finding import found

from thriftgate.privacy.json_text import tokens

_DRAW = random.Random(1311)
_SIGNS = "!#+.@^=~"
PASSWORDS = [
    f"{_DRAW.choice(['Tiger', 'Katze'])}-{_DRAW.choice(['Hund', 'Moon'])}{_DRAW.randint(10, 9999)}",
    "".join(["k", *_DRAW.choices(string.ascii_letters + string.digits + _SIGNS, k=12), "7Q"]),
]
PIN, CODE, GROUPS = (f"{_DRAW.randint(0, 10**size - 1):0{size}}" for size in (4, 6, 8))
WORDS = " ".join(_DRAW.choices(["abandon", "zebra", "wealth", "arrow", "cactus", "dream", "ivory", "ladder"], k=12))
KEY = "".join(_DRAW.choices(string.ascii_letters + string.digits, k=40)) + "4aB"
RECOVERY = [f"{_DRAW.randint(10000, 99999):x}a-{_DRAW.randint(10000, 99999):x}7" for _ in range(3)]

PLACES = [
    # Words of other languages, with their endings, and signs of other scripts.
    "mdp: {}",
    "ww: {}",
    "Mitt lösenord är {}",
    "adgangskode: {}",
    "Salasanani on {}",
    "A jelszavam {}, de nem enged be",
    "Moje heslo je {}",
    "Parola mea este {}",
    "Şifrem {} ama giriş yapam\u0131yorum",
    "Пароль от почты {}",
    "Логин olga, пароль {}",
    "κωδικός πρόσβασης: {}",
    "סיסמה: {}",
    "كلمة المرور: {}",
    "我的密码是{},无法登录",
    "パスワードは{}です",
    "비밀번호: {}",
    "Moje hasło to {}",
    "Heslo k wifi: {}",
    # Sentences in which nothing but a verb, quotes or the value's own disorder points at it.
    "The bot asked for my password and I typed {}",
    "I always use {} for everything, is that a secure password?",
    "Could you reset it back to {} please, I want my old password",
    "{} <- this is the root password",
    "the new one is {} (password for the staging box)",
    'tried with ("{}") as it is my password',
    "Mein altes Kennwort war abc, das neue ist {}",
    "Password #1: {}",
    "Password (for VPN) = {}",
    "password? {}",
    "Password……… {}",
    "Q: password\nA: {}",
    "User: what is the passcode\nAdmin: {}",
    "creds → admin:{}",
    "Use these credentials to log in: test / {}",
    "logins:\n- mail: {}\n",
    # Programs.
    "openssl enc -aes-256-cbc -in a -out b -k {}",
    "openssl rsa -in k.pem -passin pass:{}",
    "7z x backup.7z -p{}",
    "sqlcmd -S srv -U sa -P {}",
    "snowsql -a acc -u bob -p {}",
    "echo 'root:{}' | chpasswd",
    "net use Z: \\\\s\\h /user:bob {}",
    'echo "{}" | sudo -S apt update',
    "kinit -p bob <<< {}",
    "snmp-server community {} RO",
    "requirepass {}",
    "qpdf --encrypt xy {} 256 -- a.pdf b.pdf",
    "az keyvault secret set --name db --value {}",
    # Formats.
    '[{{"value": "{}", "name": "DB_PASSWORD"}}]',
    '[{{"Value": "{}", "Type": "SecureString", "Name": "/prod/db/password"}}]',
    '{{"field": "password", "new": "{}"}}',
    '{{"type": "password", "value": "{}"}}',
    '{{"question": "Your password?", "answer": "{}"}}',
    "<Password><![CDATA[{}]]></Password>",
    'GRANT ALL ON x TO y IDENTIFIED BY "{}";',
    "root:{}@tcp(127.0.0.1:3306)/shop",
    "localhost:5432:shop:app:{}",
    "220 ready\nUSER bob\nPASS {}",
    "param adminPassword string = '{}'",
    '$c = ConvertTo-SecureString "{}" -AsPlainText',
    "Set-Variable -Name pw -Value '{}'",
    "SELECT pgp_sym_encrypt('x', '{}');",
    "User      Password      Role\nbob       {}   admin",
]


def secrets(text: str) -> list[str]:
    """What is found of a text, read as the gateway reads JSON."""
    parts = [(one.text, one.label) for one in tokens(text)] if text[:1] in "[{" and text[-1:] in "]}" else [(text, "")]
    return [cut for part in parts for kind, cut in found(*part) if kind == "SECRET"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("password", PASSWORDS, ids=["chosen", "random"])
def test_a_password_is_found_in_any_language_program_and_format(place: str, password: str) -> None:
    hidden = secrets(place.format(password))
    assert any(password in one for one in hidden), hidden


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"the pin for my card is {PIN}", [PIN]),
        (f"Meine Geheimzahl ist {PIN}", [PIN]),
        (f"暗証番号は{PIN}です", [PIN]),
        (f"digicode {PIN}", [PIN]),
        (f"code for the front door is {PIN}", [PIN]),
        (f"mi pin es {PIN}", [PIN]),
        (f"Your verification code is {CODE}. Don't share it.", [CODE]),
        (f"{CODE} - your login code", [CODE]),
        (f"G-{CODE} is your Google verification code.", [CODE]),
        (f"Use {CODE} to verify your account.", [CODE]),
        (f"I received the code {CODE} by SMS but the page says expired", [CODE]),
        (f"Ihr Bestätigungscode lautet {CODE}", [CODE]),
        (f"Il tuo codice di verifica è {CODE}", [CODE]),
        (f"El código que me llegó por SMS es {CODE}", [CODE]),
        (f"Код подтверждения: {CODE}", [CODE]),
        (f"认证码: {CODE}", [CODE]),
        (f"2FA code: {CODE[:3]} {CODE[3:]}", [CODE[:3] + " " + CODE[3:]]),
        (f"Agent: What's the code we texted you?\nCustomer: {CODE}", [CODE]),
        (f"Please enter your PIN.\nUser: {PIN}", [PIN]),
        (f'{{"pin": "{PIN}"}}', [PIN]),
        ('{"otp": ' + f'"{CODE}"}}', [CODE]),
        (f"user,pin\nbob,{PIN}\n", [PIN]),
        (f"My GitHub recovery codes are {RECOVERY[0]}, {RECOVERY[1]} and {RECOVERY[2]}", RECOVERY),
        (
            f"Backup codes:\n{GROUPS[:4]}-{GROUPS[4:]}\n{GROUPS[4:]} {GROUPS[:4]}",
            [f"{GROUPS[:4]}-{GROUPS[4:]}", f"{GROUPS[4:]} {GROUPS[:4]}"],
        ),
        (f'{{"recovery_codes": ["{RECOVERY[0]}", "{RECOVERY[1]}"]}}', RECOVERY[:2]),
        (f"Wiederherstellungscode: {RECOVERY[0]}", RECOVERY[:1]),
        (f"seed phrase: {WORDS}", [WORDS]),
        (f"My wallet's recovery phrase is {WORDS} please help", [WORDS]),
        (f"The 12 words are: {WORDS}", [WORDS]),
        (f"frase semilla: {WORDS}", [WORDS]),
        (f'{{"mnemonic": "{WORDS}"}}', [WORDS]),
        (f"seed: {WORDS} {WORDS}", [f"{WORDS} {WORDS}"]),
        ("master password -> pizza ninja orange chocolate", ["pizza ninja orange chocolate"]),
        ("BitLocker: " + "-".join([CODE] * 8), ["-".join([CODE] * 8)]),
        ("Windows key " + "-".join(["VK7JG"] * 5), ["-".join(["VK7JG"] * 5)]),
        (f"https://x.example/password/reset/{KEY}", [KEY]),
        (f"https://x.example/invite?code={KEY}&a=1", [KEY]),
        ("bob:$2b$12$" + KEY, ["$2b$12$" + KEY]),
        (f"Fernet(b'{KEY}=')", [KEY]),
    ],
)
def test_a_code_that_opens_something_is_found(text: str, codes: list[str]) -> None:
    hidden = secrets(text)
    assert all(any(code in one for one in hidden) for code in codes), hidden


def test_a_number_that_is_called_a_pin_is_found_in_json() -> None:
    named = {one.text: one.label for one in tokens(f'{{"pin": {int(PIN) + 1000}, "n": 4711}}') if not one.is_key}
    assert list(named.values()) == ["pin"]


@pytest.mark.parametrize(
    "text",
    [
        "my password was hacked!",
        "Mein Passwort ist falsch",
        "the token expired",
        "jag har glömt mitt lösenord",
        "забыл пароль",
        "パスワードを忘れました",
        "password: see the wiki page",
        "the code does not compile",
        "PIN-Brief kam nicht an",
        f"error code {PIN}",
        f"zip code {CODE[:5]}",
        f"discount code {CODE}",
        f"country code {PIN}",
        f"status code {PIN}",
        "my PIN has 4 digits",
        "enter the 6-digit verification code within 5 minutes",
        "pin code 560034",
        "Pines Beach 34694",
        'PASSWORD_RE = re.compile(r"^(?=.*[A-Z])(?=.*\\d).{8,}$")',
        're.match(r"token=([a-z0-9]+)", line)',
        "KEYWORD = r'(?:pass(?:word|wd)|secret|token|api[ _-]?key|private[ _-]?key)'",
        'r"(?P<token>[A-Za-z0-9_]+)"',
        "time_to_first_token=max(0.0, ended - started),",
        "return Auth(api_key=LITELLM_MASTER_KEY_ALIAS)",
        "def take(self, token: _Token) -> Iterator[_Token]: ...",
        "hashed = hash_token(api_key)",
        "passwords = [hash(p) for p in raw]",
        "token log-probabilities are asked for",
        "export TOKEN=$(cat /run/secrets/token)",
        "PASSWORD: ${PASSWORD:?required}",
        "api_key = secrets.token_hex(16)",
        "docker run -p 8080:80 nginx",
        "tar -k archive.tar.gz",
        "1.6.7.6-SNAPSHOT",
        "numéro client 40249534",
        "ERROR 1325 (42219): Access denied",
        "GET /api/v7/items/6566163 200 771ms",
        "Mon code client est 482910, je n'arrive pas à me connecter",
        "My code is 1234 lines long and the login fails",
        "Alarm code 4402 means low battery",
        "The recovery rates were 1200, 1300 and 1400 patients",
        "backups: 20240101, 20240102, 20240103",
        "Recovery in 2021 2022 2023 was slow",
        "The booking confirmation code: 7749201",
        "Confirmation number 482913 for the hotel",
        "rsync -a Folder1-Backup2 host:/tmp",
        'app.register(router1, "/api/v2/users")',
        'signIn(page, "#button1")',
        'Cipher.getInstance("AES/CBC/PKCS5Padding")',
        "PASS test_login_v2",
        "PASS src/app2.test.ts",
        "what is a seed phrase? it is a list of twelve words that opens a wallet and must never be told to anybody",
    ],
)
def test_what_only_speaks_of_a_credential_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: ab[cd]12!", "ab[cd]12!"),
        ("DB_PASSWORD=f00[bar]9", "f00[bar]9"),
        ("Your confirmation code is 482913", "482913"),
        ("backup codes: 1234, 5678, 9012", "1234"),
        ("login('bob', '#Secret1')", "#Secret1"),
    ],
)
def test_what_looks_like_something_else_beside_its_word_is_found(text: str, secret: str) -> None:
    assert ("SECRET", secret) in found(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("https://wa.me/4915112345678", ["4915112345678"]),
        ("puhelin 394 256 8768", ["394 256 8768"]),
        ("☎ 624 397 886", ["624 397 886"]),
        ("reach us: 0176 12345678 / 030 1234567", ["0176 12345678", "030 1234567"]),
    ],
)
def test_a_telephone_number_is_found_behind_its_sign(text: str, numbers: list[str]) -> None:
    assert [cut for kind, cut in found(text) if kind == "PHONE_NUMBER"] == numbers
