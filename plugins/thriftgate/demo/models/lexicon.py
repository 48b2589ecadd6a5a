"""What the demo's models know of English words: which say little, which deny, and which mean the same.

Failure behaviour: data only.
"""

import re
from collections.abc import Mapping, Sequence

NEGATIONS = frozenset({"not", "no", "never", "without", "cannot", "nothing", "none"})
FILLERS = frozenset(
    word
    for line in (
        "a an the i we you he it they me us my our your is are am be been was were do does did can could would",
        "should will may shall must have has had of to in on at by for from with into about as and or if so then that",
        "this these those there here what which who how when where why please tell me some any just want need like get",
        "got possible way help know brindlebox one out up hi hello hey thanks thank let",
    )
    for word in line.split()
)
PHRASES: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\btwo-(?:factor|step)\b(?: authentication| login)?"), "2fa"),
    (re.compile(r"\b(?:turn|switch|set|switched|turned)(?: \w+)? (on|up)\b"), "enable"),
    (re.compile(r"\b(?:turn|switch|switched|turned)(?: \w+)? off\b"), "disable"),
    (re.compile(r"\b(?:log|sign)[ -](in|out)\b"), r"log\1"),
    (re.compile(r"\bmoney back\b"), "refund"),
    (re.compile(r"\bpick(?:ed)? up\b"), "pickup"),
    (re.compile(r"\bpoint[ -]of[ -]sale\b"), "pos"),
    (re.compile(r"\bsingle sign-on\b"), "sso"),
    (re.compile(r"\bcredit card\b"), "card"),
)
SYNONYMS: Mapping[str, str] = {
    word: group.split()[0]
    for group in (
        "yearly annual annually year",
        "monthly month",
        "parcel package packet shipment",
        "delivery deliver shipping ship shipped delivered deliveries",
        "scanner device beam",
        "refund reimbursement reimburse refunded money",
        "delete erase remove removal deletion wipe",
        "buy purchase",
        "cost price charge fee fees expensive costs priced",
        "discount cheaper coupon voucher promo promotion",
        "cancel terminate quit end",
        "app application",
        "user colleague coworker employee teammate staff person member people",
        "invite add",
        "shop store location branch",
        "login signin",
        "password passphrase",
        "company business firm organisation organization",
        "tax vat",
        "change edit update switch move alter modify shift correct replace",
        "e-mail email mail",
        "phone mobile smartphone handset",
        "maximum limit max most",
        "picture photo image photos",
        "product item article sku items",
        "duration long time days fast quickly",
        "free gratis",
        "damaged broken cracked faulty damage",
        "lost missing",
        "import upload",
        "export download",
        "enable activate",
        "disable deactivate",
        "stop pause",
        "2fa two-factor",
        "rights permission permissions",
        "tariff plan subscription",
    )
    for word in group.split()
}
