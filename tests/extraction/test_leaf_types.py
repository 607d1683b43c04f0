"""The table of leaf types: values on both sides of every type's border."""

from __future__ import annotations

import re

import pytest

from smolkit.extraction.leaf_types import COUNTRIES, CURRENCIES, LEAF_TYPES
from smolkit.extraction.template import Template

VALUES = {
    "date": (
        "2024-01-15 2024-01 2024 --12-25 2024-W07 2024-W07-3 2024-02-29 2000-02-29 --02-29",
        "2023-02-29 1900-02-29 2024-13 2024-04-31 24-01-15 2024-1-5 2024-W54 15.01.2024 --02-30 2024-01-15T10",
    ),
    "time": (
        "14:30:57 18:01 14:30:45.123Z 07 14:30+02:00 14:30+0200 23:59:60",
        "24:00 14:60 7:30 14:30:5 2pm 14:30+25:00 14.30",
    ),
    "date-time": (
        "2024-03-14T14:45:00 2023-05-15T14 2024-03-14 14:45 2024-03-14T14:45:00.5+01:00",
        "2024-03-14T 2024-03-14t14:45 T14:45 2024-02-30T10:00",
    ),
    "duration": (
        "P2Y1M3D PT1M30S P3W P1Y P10D PT36H PT0.5S P1YT2H P2M",
        "P PT P3W2D 1Y P1D2Y PT P1.5Y P1YT T5M",
    ),
    "url": (
        "https://例子.测试/路径 ftp://user@host/file.txt http://a.b/c?d=e#f",
        "www.example.com http:// //host/path https://a\\b",
    ),
    "email-address": (
        "firstname.lastname@example.com 用户@例子.公司 a+b@c.d.org",
        "ann@example ann.example.com @a.b a@b@c.d a@.b",
    ),
    "phone-number": ("+33612345678 6505550123 112", "+0123456 06-12-34 +1 12345678901234567"),
    "currency": ("EUR DEM USD", "eur EURO XXX €"),
    "country": ("FR SG KR", "FRA fr UK XX"),
    "language": ("eng fra cos", "en ENG fren"),
    "iban": (
        "DE89370400440532013000 NO9386011117947 GB29NWBK60161331926819",
        "DE89370400440532013001 DE89 de89370400440532013000",
    ),
    "bic": ("BNPAFRPPXXX DEUTDEDBFRA DEUTDEDB", "DEUT DEUTDEDBF deutdedb"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_typed_leaf_takes_its_values_and_refuses_the_others(name):
    template = Template.parse({"a": name})
    right, wrong = VALUES[name]
    for value in right.split():
        assert template.problems({"a": value}) == [], value
    for value in wrong.split():
        [(path, message)] = template.problems({"a": value})
        assert path == "a"
        assert name in message
        assert value.split("\\")[0] in message


def test_every_type_of_the_table_takes_its_own_example():
    for name, spec in LEAF_TYPES.items():
        value = {"integer": 42, "number": 12.5, "boolean": True}.get(name, spec.example)
        assert Template.parse({"a": name}).problems({"a": value}) == [], name
        if spec.regex:
            assert not re.search(r"\(\?[=!<]|[\^$]\)?$|\\b", spec.regex), f"{name}: anchors or lookaround"
            assert re.compile(spec.regex)


def test_the_lists_of_codes_are_whole_and_without_repeats():
    assert len(COUNTRIES.split()) == len(set(COUNTRIES.split())) == 249
    assert len(CURRENCIES.split()) == len(set(CURRENCIES.split()))
    assert {"EUR", "USD", "DEM", "XAU"} < set(CURRENCIES.split())


def test_no_value_of_a_pattern_needs_an_escape_in_json():
    for name, spec in LEAF_TYPES.items():
        if spec.kind == "string" and spec.regex:
            for char in '"\\\n\t\x00\x1f':
                middle = len(spec.example) // 2
                assert spec.complaint(spec.example[:middle] + char + spec.example[middle:]), (name, char)
