"""The kinds of personal data, in Presidio's names, and who recognizes them.

Failure behaviour: none; this is a table.
"""

from collections.abc import Mapping

OWN_KINDS: Mapping[str, str] = {
    "PERSON": "names of people (the Rampart model, and titles and introductions)",
    "ADDRESS": "streets, houses, flats, post boxes, with the town beside them (the Rampart model, and shapes)",
    "LOCATION": "towns and states that stand alone (the Rampart model)",
    "EMAIL_ADDRESS": "e-mail addresses, also in URLs and code",
    "PHONE_NUMBER": "telephone numbers, by the regions that are configured",
    "CREDIT_CARD": "payment cards of all ranges, 12 to 19 digits, by checksum",
    "IBAN_CODE": "bank accounts, by checksum",
    "US_SSN": "US social security numbers",
    "IP_ADDRESS": "IP addresses of both versions",
    "SECRET": "passwords, tokens, keys",
    "DE_TAX_ID": "German tax numbers of people (Steuer-ID), by checksum",
    "FR_NIR": "French social security numbers, by checksum",
    "NL_BSN": "Dutch citizen service numbers, by checksum, where they are named or grouped",
    "PT_NIF": "Portuguese tax numbers, by checksum, where they are named",
    "BR_CPF": "Brazilian tax numbers of people, by checksum",
    "BR_CNPJ": "Brazilian tax numbers of firms, by checksum",
}
"""Kinds that we recognize ourselves."""

PRESIDIO_RECOGNIZERS: Mapping[str, str] = {
    "ABA_ROUTING_NUMBER": "AbaRoutingRecognizer",
    "AU_ABN": "AuAbnRecognizer",
    "AU_ACN": "AuAcnRecognizer",
    "AU_MEDICARE": "AuMedicareRecognizer",
    "AU_TFN": "AuTfnRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "DATE_TIME": "DateRecognizer",
    "ES_NIE": "EsNieRecognizer",
    "ES_NIF": "EsNifRecognizer",
    "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCodeRecognizer",
    "IN_AADHAAR": "InAadhaarRecognizer",
    "IN_PAN": "InPanRecognizer",
    "IN_PASSPORT": "InPassportRecognizer",
    "IN_VOTER": "InVoterRecognizer",
    "IT_DRIVER_LICENSE": "ItDriverLicenseRecognizer",
    "IT_FISCAL_CODE": "ItFiscalCodeRecognizer",
    "IT_IDENTITY_CARD": "ItIdentityCardRecognizer",
    "IT_PASSPORT": "ItPassportRecognizer",
    "IT_VAT_CODE": "ItVatCodeRecognizer",
    "KR_RRN": "KrRrnRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "MEDICAL_LICENSE": "MedicalLicenseRecognizer",
    "PL_PESEL": "PlPeselRecognizer",
    "SG_NRIC_FIN": "SgFinRecognizer",
    "TH_TNIN": "ThTninRecognizer",
    "UK_NHS": "NhsRecognizer",
    "UK_NINO": "UkNinoRecognizer",
    "UK_PASSPORT": "UkPassportRecognizer",
    "UK_POSTCODE": "UkPostcodeRecognizer",
    "US_BANK_NUMBER": "UsBankRecognizer",
    "US_DRIVER_LICENSE": "UsLicenseRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_MBI": "UsMbiRecognizer",
    "US_NPI": "UsNpiRecognizer",
    "US_PASSPORT": "UsPassportRecognizer",
}
"""Kinds that Presidio recognizes, and its class for them; off unless an operator asks for one."""

_OFF = frozenset({"LOCATION", "DE_TAX_ID", "FR_NIR", "NL_BSN", "PT_NIF", "BR_CPF", "BR_CNPJ"})
DEFAULT_KINDS = tuple(kind for kind in OWN_KINDS if kind not in _OFF)
NAME_RECALL: Mapping[str, float] = {
    "de": 1.0, "en": 0.84, "es": 0.92, "fr": 0.99, "it": 0.95, "nl": 0.97, "pt": 0.99,
}  # fmt: skip
"""Of rare names that are in no list, by language: 120 support messages of 12 names each, so ±.07 (evals/privacy)."""
NAME_LANGUAGES = tuple(NAME_RECALL)
"""Languages that the Rampart model was measured in."""
