"""Sizes, shares and cores: what hostile texts come to. What servers take is in the contract test of the same name."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lxdnb.frames._sizes import cores, share, size

NEAR = st.from_regex(r"\A[+-]?[0-9]{0,25}(\.[0-9])?[ ]?([kKMGTPEZ]?i?[Bb]|bytes|%|[-,][0-9]+)?\Z")


@given(st.text() | NEAR)
@example("9" * 5000)
@example("9" * 5000 + "%")
@example("0-" + "9" * 5000)
@example("0-999999999999999999")
@example(",".join(map(str, range(0, 10_000, 2))))
def test_any_text_is_a_number_of_64_bits_or_none(text):
    for number in (size(text), cores(text)):
        assert number is None or 0 <= number < 2**63
    part = share(text)
    assert part is None or 0 <= part < 2**57


@given(st.integers(0, 2**63 - 1), st.sampled_from(["", "B", " bytes"]))
def test_a_number_is_of_bytes(number, unit):
    assert size(f"{number}{unit}") == number


@given(st.integers(0, 7), st.integers(1, 6))
def test_units_are_powers(number, power):
    letter = "kMGTPE"[power - 1]
    assert size(f"{number}{letter}B") == number * 10 ** (3 * power)
    assert size(f"{number}{letter.upper()}iB") == number << (10 * power)


@given(st.sets(st.integers(0, 63), min_size=1))
def test_cores_by_their_numbers_are_counted(which):
    text = ",".join(str(core) for core in which)
    assert cores(f"{text},100-101") == len(which) + 2
    assert cores(f"{text},{text}") is None


def test_words_of_people_that_no_server_takes():
    assert [size(text) for text in ("1g", "1GB ", "1 GiB", "100KB", "1,5GiB", "٣GiB", "")] == [None] * 7
    assert [share(text) for text in ("50", "0.5%", "50 %", "%")] == [None] * 4
    assert [cores(text) for text in ("", "a", "0", "1-0", "0-", "1, 2", "50%", "²")] == [None] * 8


def test_the_largest_size_is_that_of_64_bits():
    assert size("9223372036854775807") == 2**63 - 1
    assert size("9223372036854775808") is size("8EiB") is None
    assert cores("9223372036854775807") == 2**63 - 1
    assert cores("9223372036854775808") is cores("0") is None
