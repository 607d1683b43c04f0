"""What a typed leaf of a template may hold: one table, read by the checks, the grammar, the schemas and the docs.

A regex here describes the value itself (for numbers and booleans, its JSON text). It has no anchors and no
lookaround, means the same to Python's `re` and to llguidance, and matches no character that JSON has to escape, so
that it can stand between two quotes as it is. Dates and times follow ISO 8601, reduced accuracy included. Lengths are
bounded, so that no decoder runs on within a value. This module knows nothing of templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["string", "integer", "number", "boolean"]

COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS YE YT ZA ZM ZW
"""
"""ISO 3166-1 alpha-2."""

CURRENCIES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI
UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG
ADP AFA ALK AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEF BEL BGJ BGK BGL BOP BRB BRC BRE BRN BRR BUK BYB BYR CSD CSJ
CSK CYP DDM DEM ECS ECV EEK ESA ESB ESP FIM FRF GEK GHC GHP GNE GNS GQE GRD GWE GWP HRD HRK IEP ILP ILR ISJ ITL LAJ LSM
LTL LTT LUC LUF LUL LVL LVR MGF MLF MRO MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES PLZ PTE RHD ROK ROL RUR SDD SDP
SIT SKK SLL SRG STD SUR TJR TMM TPE TRL UAK UGS UGW USS UYN UYP VEB VEF VNC XEU XFO XFU XRE YDD YUD YUM YUN ZAL ZMK ZRN
ZRZ ZWC ZWD ZWL ZWN ZWR
"""
"""ISO 4217: the codes in use, then the withdrawn ones."""


@dataclass(frozen=True)
class LeafType:
    """One type of leaf: what it means, how JSON holds it, and which values it has."""

    description: str
    kind: Kind
    example: str
    regex: str | None = None
    """The language of its values; None: any text."""
    check: Callable[[str], str | None] | None = None
    """What no regular expression can say: returns the complaint, or None where the value is right."""
    json_format: str | None = None
    """The JSON Schema `format` of the same meaning, if there is one."""

    @cached_property
    def _compiled(self) -> re.Pattern[str] | None:
        return re.compile(self.regex) if self.regex is not None else None

    def complaint(self, value: str) -> str | None:
        """Why `value` (text, or the JSON text of a number) is not of this type, or None where it is."""
        if self._compiled is not None and not self._compiled.fullmatch(value):
            return f"write it as {self.example}"
        return self.check(value) if self.check else None


def _one_of(words: str) -> str:
    return f"(?:{'|'.join(sorted(set(words.split())))})"


def _iban_complaint(value: str) -> str | None:
    """ISO 7064, modulo 97: letters count from A = 10, the first four characters go last."""
    digits = "".join(str(int(char, 36)) for char in value[4:] + value[:4])
    return None if int(digits) % 97 == 1 else "its check digits are wrong"


_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_MONTH = "(?:0[1-9]|1[0-2])"
_LONG_MONTH_DAY = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH_DAY = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_MONTH_DAY = f"(?:{_LONG_MONTH_DAY}|{_SHORT_MONTH_DAY}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_WEEK = "W(?:0[1-9]|[1-4][0-9]|5[0-3])(?:-[1-7])?"
_DATE = f"(?:[0-9]{{4}}(?:-(?:{_MONTH}|{_MONTH_DAY}|{_WEEK}))?|{_LEAP_YEAR}-02-29|--(?:{_MONTH_DAY}|02-29))"
_HOUR = "(?:[01][0-9]|2[0-3])"
_ZONE = f"(?:Z|[+-]{_HOUR}(?::?[0-5][0-9])?)"
_TIME = rf"(?:{_HOUR}(?::[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]{{1,9}})?)?)?{_ZONE}?)"
_COUNT = "[0-9]{1,9}"
_SECONDS = rf"{_COUNT}(?:\.[0-9]{{1,9}})?S"
_DAYS_PART = f"(?:{_COUNT}Y(?:{_COUNT}M)?(?:{_COUNT}D)?|{_COUNT}M(?:{_COUNT}D)?|{_COUNT}D)"
_TIME_PART = f"T(?:{_COUNT}H(?:{_COUNT}M)?(?:{_SECONDS})?|{_COUNT}M(?:{_SECONDS})?|{_SECONDS})"
_DURATION = f"P(?:{_COUNT}W|{_DAYS_PART}(?:{_TIME_PART})?|{_TIME_PART})"

_INTEGER = "-?(?:0|[1-9][0-9]{0,29})"
# The exponents are those that Python writes for a float; a bounded one cannot overflow to infinity.
_EXPONENT = r"-?[1-9](?:\.[0-9]{1,30})?e(?:\+|-)(?:0[5-9]|[1-9][0-9]|[12][0-9]{2})"
_NUMBER = rf"(?:{_INTEGER}(?:\.[0-9]{{1,30}})?|{_EXPONENT})"

_URL_CHAR = r'[^\s"\\<>^`{|}\x00-\x1f\x7f]'
_MAIL_CHAR = r'[^\s"\\<>()\[\],:;@\x00-\x1f\x7f]'
_MAIL_LABEL = r'[^\s"\\<>()\[\],:;@.\x00-\x1f\x7f]{1,63}'

LEAF_TYPES: dict[str, LeafType] = {
    "verbatim-string": LeafType("text copied from the document, white space collapsed", "string", "John Doe"),
    "string": LeafType("any text, which may be put in other words", "string", "a friendly reminder"),
    "integer": LeafType("a whole number", "integer", "42", _INTEGER),
    "number": LeafType("a number, with or without decimals", "number", "12.5", _NUMBER),
    "boolean": LeafType("true or false", "boolean", "true", "(?:true|false)"),
    "date": LeafType(
        "an ISO 8601 date, down to a year, a month, a week or a day of no year",
        "string",
        "2024-01-15",
        _DATE,
        json_format="date",
    ),
    "time": LeafType(
        "an ISO 8601 time of day, down to an hour, with or without its offset",
        "string",
        "14:30:57",
        _TIME,
        json_format="time",
    ),
    "date-time": LeafType(
        "an ISO 8601 date and time, or one of them where the other is not known",
        "string",
        "2024-03-14T14:45:00",
        f"(?:{_DATE}(?:T{_TIME})?|{_TIME})",
        json_format="date-time",
    ),
    "duration": LeafType(
        "an ISO 8601 duration; weeks stand alone, fractions only in the seconds",
        "string",
        "P2Y1M3D",
        _DURATION,
        json_format="duration",
    ),
    "url": LeafType(
        "an address with its scheme (RFC 3987)",
        "string",
        "https://example.com/a",
        rf"[A-Za-z][A-Za-z0-9+.-]{{0,15}}://{_URL_CHAR}{{1,1000}}",
        json_format="uri",
    ),
    "email-address": LeafType(
        "an e-mail address, international ones too (RFC 6531)",
        "string",
        "ann@example.com",
        rf"{_MAIL_CHAR}{{1,64}}@{_MAIL_LABEL}(?:\.{_MAIL_LABEL}){{1,8}}",
        json_format="email",
    ),
    "phone-number": LeafType(
        "a telephone number as E.164 where the country is known, else its digits",
        "string",
        "+33612345678",
        r"(?:\+[1-9][0-9]{5,14}|[0-9]{3,15})",
    ),
    "currency": LeafType("an ISO 4217 code, in use or withdrawn", "string", "EUR", _one_of(CURRENCIES)),
    "country": LeafType("an ISO 3166-1 code of two letters", "string", "FR", _one_of(COUNTRIES)),
    "language": LeafType("an ISO 639-3 code of three letters", "string", "fra", "[a-z]{3}"),
    "iban": LeafType(
        "an ISO 13616 bank account number without spaces",
        "string",
        "DE89370400440532013000",
        "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
        _iban_complaint,
    ),
    "bic": LeafType("an ISO 9362 bank code", "string", "DEUTDEDBFRA", "[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"),
}

BLANK = LeafType('a field of the blank style, written ""', "string", "any text")
