"""Credentials where sentences, chats, tables, forms, calls and commands name them; and what is none beside one."""

import pytest
from tests.unit.privacy.finding import found

from thriftgate.privacy.json_text import tokens
from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.spans import TextSpan

PASSWORD = "hunter-Zebra22"
HEX = "1e2fcaeb4b6f496e8c217852a54afb1eaf7f64da9a7f6813"


@pytest.mark.parametrize(
    "text",
    [
        # Sentences, in which a few words stand between.
        f"The password for the new box is {PASSWORD}", f"admin password (updated) {PASSWORD}",
        f"our new wifi password will be {PASSWORD} from Monday", f"hey, login password still {PASSWORD} ?",
        f"Please change the wifi password from {PASSWORD} to the new one", f"passphrase -> {PASSWORD}",
        f"pwd / {PASSWORD}", f"passphrase .......... {PASSWORD}", f"passwd = = {PASSWORD}", f"pwd == {PASSWORD}",
        f"The password you sent me, {PASSWORD}, does not work", f"mein Passwort war früher {PASSWORD}, jetzt nicht",
        f"Das Zugangspasswort ({PASSWORD}) wurde abgelehnt", f"als Passwort bitte »{PASSWORD}« verwenden",
        f"le mot de passe provisoire : {PASSWORD}", f"Nouveau mot de passe wifi à partir de lundi : « {PASSWORD} »",
        f"le mot de passe c'est {PASSWORD} svp", f"clave: {PASSWORD}",
        f"rejected user_pass '{PASSWORD}' (reason: format)", f"mi clave sigue siendo {PASSWORD} no?",
        f"la contraseña del wifi ({PASSWORD}) fue rechazada", f"ecco la parola chiave: {PASSWORD} grazie",
        f"het wifi-wachtwoord ({PASSWORD}) werd geweigerd", f"a palavra-passe ({PASSWORD}) foi recusada",
        f"nova senha a partir de segunda: \"{PASSWORD}\"",
        f"Passwort geändert auf {PASSWORD}, trotzdem Fehler 403", f"cambié la contraseña a {PASSWORD} y nada",
        f"my passphrase stopped working, it was {PASSWORD} before",
        # In front of what they are called.
        f"I entered {PASSWORD} as my login password", f"use {PASSWORD} for the passphrase",
        f"Ich habe {PASSWORD} als WLAN-Passwort eingegeben", f"J'ai saisi {PASSWORD} comme mot de passe",
        f"He puesto {PASSWORD} como contraseña", f"Coloquei {PASSWORD} como senha",
        f"Zugangsdaten: bob / {PASSWORD}",
        # The next line, and the next turn of a chat.
        f"temporary password\r\n{PASSWORD}\r\n\r\nthanks", f"Passwort:\n\n    {PASSWORD}\n\nBitte prüfen",
        f"> my wifi password is\n> {PASSWORD}\n> thanks", f"user_pass:\n  - {PASSWORD}\n",
        f"passphrase: |\n  {PASSWORD}\nnext: 1\n",
        f"[12:01] Agent: Can I have your password?\n[12:02] Customer: sure\n[12:02] Customer: {PASSWORD}",
        f"<bob> wifi password? \n<eve> {PASSWORD}",
        # Names in camel case, and signs of code.
        f'const userPass = "{PASSWORD}";', f"rootPassword:\t{PASSWORD}", f'Const UserPass As String = "{PASSWORD}"',
        f"const x = process.env.SMTP_PASSWORD || '{PASSWORD}';", f"ENV['ROOT_PASSWORD'] ||= '{PASSWORD}'",
        f'if (loginPassword === "{PASSWORD}") return;', f'let hmacKey: String = "{HEX}"', f"pwd      = '{PASSWORD}'",
        # Beside their name, in another element, as a column.
        f'os.getenv("DB_PASSWORD", "{PASSWORD}")', f'headers = [("user_pass", "{PASSWORD}"), ("n", "1")]',
        f'parametrize("wifi_password", ["{PASSWORD}", ""])', f'user.setRootPassword("{PASSWORD}");',
        f'expect(body.keystorePassword).toEqual("{PASSWORD}");',
        f"<key>smtpPassword</key><string>{PASSWORD}</string>",
        f'<td class="l">passphrase:</td><td class="r"><b>{PASSWORD}</b></td>',
        f'<property name="mysqlPwd"><value>{PASSWORD}</value></property>',
        f'<input value="{PASSWORD}" type="hidden" name="passwd">',
        f"<tr><th>Plan</th><th>Password</th></tr><tr><td>Pro</td><td>{PASSWORD}</td></tr></table>",
        f'--b\r\nContent-Disposition: form-data; name="admin_pw"\r\n\r\n{PASSWORD}\r\n--b--',
        f's:14:"redis_password";s:14:"{PASSWORD}";', f'["db_password"]=>\n  string(14) "{PASSWORD}"',
        f"client_secret\n  Value error [type=value_error, input_value='{PASSWORD}', input_type=str]",
        f" id | consumer_secret | ok\n----+-----------------+----\n  8 | {HEX} | t\n",
        f"| smtp_password | `{PASSWORD}` |", f"||temporary password||{PASSWORD}||",
        f"INSERT INTO users (id, wifi_password, ok) VALUES (7, '{PASSWORD}', 1);",
        f"ALTER USER app IDENTIFIED BY '{PASSWORD}';",
        # Programs.
        f'network={{\n  psk="{PASSWORD}"\n}}', f"enable secret 0 {PASSWORD}", f"unzip -P {PASSWORD} a.zip",
        f"ldapsearch -D cn=admin -w {PASSWORD} -b dc=acme", f"smbclient //nas/s -U bob%{PASSWORD}",
        f"$db = new PDO($dsn, 'app', '{PASSWORD}');", f"wpa_passphrase Gast {PASSWORD}",
        f"redis-cli -h cache -a {PASSWORD} ping", f"net user bob {PASSWORD} /add",
        f"aws ssm put-parameter --name /prod/passwd --type SecureString --value {PASSWORD}",
        f'mysqli_connect("localhost", "bob", "{PASSWORD}", "shop");', f"WIFI:S:Gast;T:WPA;P:{PASSWORD};;",
        # Keys of providers.
        f"see squ_{HEX[:40]} here", f"see sl.{'aB3-_dE5fG' * 13} here",
    ],
)  # fmt: skip
def test_a_credential_is_found_where_something_names_it(text: str) -> None:
    hidden = [cut for kind, cut in found(text) if kind == "SECRET"]
    wanted = PASSWORD if PASSWORD in text else HEX if HEX in text else text.split()[1]
    assert any(wanted in cut for cut in hidden), hidden


@pytest.mark.parametrize(
    "text",
    [
        "Passwort vergessen? Hier klicken.", "password_file: /run/secrets/db_password", "secretName: db-credentials",
        "const passwordRegex = /[A-Z]/;", "hasPassword: true, passwordChangedAt: 2026-11-30",
        "raise PasswordTooShort(min_length=12)", "GPIO pin: GPIO85", "api_key_id: 238175",
        "page_token=foGZlzxY2nQ9MxHz&pageSize=50", '"client_secret": "[REDACTED]"', "access_token=REPLACE_ME",
        "Authorization: Bearer $TOKEN", "postgres://user:password@localhost:5432/db", "api_key = settings.API_KEY",
        "password = models.CharField(max_length=128)", "password: Joi.string().min(8).max(64)",
        "password_hash VARCHAR(255) NOT NULL", "token: !vault |",
        "digest: EHZOiQB62rEhdePGRgoNFeHa1eLqkDaOoWrRvAVE0I8c",
        "fingerprint SHA256:55NKM06lFj0bcq77hxmPesrvMjWpJK6xE7GTRdSbmGt",
        'integrity="sha384-meaSiU5aA7wC74jdvkV3kAi98b1c2SwYRL49A7kSgdQe44CJmE17UECG16R7ydTe"',
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ3ao92ylQdt4ebi8ksjS6iYqTXLrON0Oim8cvADXZgUeKdLZhVpJdOrNPnJ4HHlnO",
        "-----BEGIN PUBLIC KEY-----\nMIIBka969Nc6RMFLZUq8Qwsa8fAwCP3rytfgPSiNPcJCXb2OW4kZGLzcp9OgGnIM\n"
        "-----END PUBLIC KEY-----",
        "pk_live_KADA9dNlTu0snT8zvL3VJ5FD", "Did the password work?\nNo, my order A1234567 is late",
    ],
)  # fmt: skip
def test_what_is_about_a_credential_and_what_is_public_stays(text: str) -> None:
    assert [cut for kind, cut in found(text) if kind == "SECRET"] == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("debtor GB82  WEST  1234  5698  7654  32", "IBAN_CODE", "GB82  WEST  1234  5698  7654  32"),
        (":86:166?00SEPA?31DE89370400440532013000?32ACME", "IBAN_CODE", "DE89370400440532013000"),
        ("US-Sozialversicherungsnummer: 524 17 0268", "US_SSN", "524 17 0268"),
        ('user.setTaxpayerSsn("635 16 7196");', "US_SSN", "635 16 7196"),
        ("Agent: your social security number?\nCustomer: sure\nCustomer: 617 61 3502", "US_SSN", "617 61 3502"),
        ("[12:02] Customer: 2720235873509829", "CREDIT_CARD", "2720235873509829"),
        ("card=199460544457945", "CREDIT_CARD", "199460544457945"),
        ("64 bytes from 2001:db8:c923::ee60: icmp_seq=1", "IP_ADDRESS", "2001:db8:c923::ee60"),
        ("[src:2a02:6fbb:916d:6e31:a7fe:a2c7:ad58:e011]", "IP_ADDRESS", "2a02:6fbb:916d:6e31:a7fe:a2c7:ad58:e011"),
        ("Agent: your telephone number?\nCustomer: sure\nCustomer: 030 92176142", "PHONE_NUMBER", "030 92176142"),
    ],
)
def test_a_value_is_found_in_further_places(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text", ["counts 120 799 144 8012", "EC 1.1.1.40", "It says 199460544457945.", "arn:aws:iam::692789614264:role/x"]
)
def test_numbers_of_something_else_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("JIRA-40549 blocks OPS-2094", "JIRA-40549"),
        ("price 1.299,17 statt 1.499,00", "299,17 statt 1.499,00"),
        ("00000010: 5cc3 8fce 4d15 25e6 684f f7d2", "5cc3 8fce 4d15 25e6 684f f7d2"),
        ("urteil BGH XII ZR 114/19", "BGH XII ZR 114/19"),
        ("Aktenzeichen 12 O 933/25", "Aktenzeichen 12 O 933/25"),
        ("FedEx 2863 6348 1670 is delayed", "FedEx 2863 6348 1670"),
        ("total 1 270 429 kr", "1 270 429 kr"),
        ("minLength 8, maxLength 64", "minLength 8, maxLength 64"),
        ("mindestens 8 Zeichen lang", "8 Zeichen lang"),
    ],
)
def test_what_looks_like_an_address_and_is_none_stays(text: str, taken: str) -> None:
    start = text.index(taken)
    assert without_lookalikes(text, [TextSpan(start, start + len(taken), "ADDRESS", 0.8, "model")]) == []


@pytest.mark.parametrize("text", ["Rue 12, CH-8001 Zürich", "12 Main St, DC 20001", "Weg 8, D-10115 Berlin"])
def test_an_address_with_a_postcode_stays_one(text: str) -> None:
    span = TextSpan(0, len(text), "ADDRESS", 0.8, "model")
    assert without_lookalikes(text, [span]) == [span]


@pytest.mark.parametrize(
    "written",
    [
        f'{{"columns": ["user", "password"], "rows": [["bob", "{PASSWORD}"]]}}',
        f'{{"password": ["old-Zebra21", "{PASSWORD}"]}}',
        f'{{"motDePasse": "{PASSWORD}"}}',
        f'{{"mot_de_passe": "{PASSWORD}"}}',
        f'["password", "{PASSWORD}"]',
        f'{{"list": ["password", "{PASSWORD}"]}}',
    ],
)
def test_a_cell_and_one_of_two_under_a_name_are_told_by_it(written: str) -> None:
    label = next(token.label for token in tokens(written) if token.text == PASSWORD)
    assert found(PASSWORD, label) == [("SECRET", PASSWORD)]


def test_the_second_of_two_people_stands_under_their_name_too() -> None:
    labels = [token.label for token in tokens('{"customer": ["Anna", "Sibylle"]}') if not token.is_key]
    assert labels == ["customer", "customer"]
