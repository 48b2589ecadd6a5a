"""Recognizers of ours, one kind of value per file; each reads a decoded text and its context, and gives spans.

They are where Presidio's own are weak: all card ranges, phones by region, IBANs in any case, values inside URLs and
code, secrets. A recognizer never decides what is masked: it says what it found and how sure it is.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from thriftgate.privacy.context import Context
from thriftgate.privacy.recognizers.addresses import AddressRecognizer
from thriftgate.privacy.recognizers.cards import CardRecognizer
from thriftgate.privacy.recognizers.emails import EmailRecognizer
from thriftgate.privacy.recognizers.ibans import IbanRecognizer
from thriftgate.privacy.recognizers.ip_addresses import IpAddressRecognizer
from thriftgate.privacy.recognizers.national_numbers import NATIONAL_KINDS, NationalNumberRecognizer
from thriftgate.privacy.recognizers.people import PeopleRecognizer
from thriftgate.privacy.recognizers.phones import PhoneRecognizer
from thriftgate.privacy.recognizers.secrets import SecretRecognizer
from thriftgate.privacy.recognizers.social_security import SocialSecurityRecognizer
from thriftgate.privacy.spans import TextSpan


class Recognizer(Protocol):
    """Finds one kind of value."""

    @property
    def entity_type(self) -> str:
        """The kind, in Presidio's names."""
        ...

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every value of this kind in `context.text`, in no order; they may overlap, and an empty one is a pause."""
        ...


CERTAIN = frozenset({"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "SECRET"})
"""Kinds whose shape or checksum leaves no doubt: they win where spans overlap."""


def own_recognizers(*, phone_regions: Sequence[str]) -> list[Recognizer]:
    """One for each kind."""
    return [
        CardRecognizer(),
        IbanRecognizer(),
        EmailRecognizer(),
        PhoneRecognizer(phone_regions),
        SocialSecurityRecognizer(),
        IpAddressRecognizer(),
        SecretRecognizer(),
        PeopleRecognizer(),
        AddressRecognizer(),
        *map(NationalNumberRecognizer, NATIONAL_KINDS),
    ]
