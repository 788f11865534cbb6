"""Names of boxes and photos."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.spool.names import Identity, PhotoName, box_id, digest_of, hardware_serial
from tests.support.photos import identity_in

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
identities = st.builds(
    Identity,
    box=st.text(ALPHABET, min_size=4, max_size=4),
    boot=st.integers(1, 999_999),
    seq=st.integers(1, 999_999),
    boottime_ms=st.integers(0, 2**35 - 1),
    context=st.from_regex(r"(?:[0-9a-f]|n)[0-9a-f]{7}", fullmatch=True),
)


@pytest.mark.slow
@given(identities, st.binary())
def test_a_name_spells_what_it_was_made_of(identity: Identity, content: bytes) -> None:
    name = PhotoName.of(identity, content)
    assert PhotoName.parse(str(name)) == name
    assert (name.box, name.boot, name.seq, name.boottime_ms) == (
        identity.box,
        identity.boot,
        identity.seq,
        identity.boottime_ms,
    )
    assert name.digest == digest_of(content)


@pytest.mark.slow
@given(identities)
def test_a_photo_carries_its_identity_in_its_unique_id(identity: Identity) -> None:
    assert len(identity.unique_id) == 32
    assert identity_in(identity.unique_id) == identity


@pytest.mark.parametrize("text", ["", "x" * 32, "0" * 31, "0" * 15 + "G" * 17, "f" * 32])
def test_a_unique_id_of_another_camera_is_not_ours(text: str) -> None:
    found = identity_in(text)
    assert found is None or found.unique_id == text


@pytest.mark.parametrize(
    "text",
    [
        "7F3K-0001-0001_5_abcd1234_0123456789abcdef.jpg.part",
        "7F3K-1-0001_5_abcd1234_0123456789abcdef.jpg",
        "7F3K-00001-0001_5_abcd1234_0123456789abcdef.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abcdeF.jpg",
        "7f3k-0001-0001_5_abcd1234_0123456789abcdef.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abcdef.jpg\n",
        "7F3K-0001-0001_05_abcd1234_0123456789abcdef.jpg",
        "../7F3K-0001-0001_5_abcd1234_0123456789abcdef.jpg",
        "7F3K-٠٠٠١-0001_5_abcd1234_0123456789abcdef.jpg",
        "Thumbs.db",
        "",
    ],
)
def test_a_name_that_was_not_made_by_us_is_no_name(text: str) -> None:
    assert PhotoName.parse(text) is None


@pytest.mark.slow
@given(identities, identities, st.binary())
def test_two_boxes_never_give_a_photo_the_same_file_name(one: Identity, other: Identity, content: bytes) -> None:
    names = PhotoName.of(one, content), PhotoName.of(other, content)
    same_number = (one.box, one.boot, one.seq) == (other.box, other.boot, other.seq)
    assert (names[0].file_name == names[1].file_name) == same_number


@given(st.text())
def test_box_id_is_four_characters_told_apart_on_the_phone(serial: str) -> None:
    box = box_id(serial)
    assert len(box) == 4
    assert set(box) <= set(ALPHABET)
    assert not set(box) & set("ILOU")


def test_s21_boxes_with_a_cloned_card_have_different_ids() -> None:
    serials = [f"10000000abcdef{number:02x}" for number in range(12)]
    assert len({box_id(serial) for serial in serials}) == 12


def test_serial_from_hardware_else_from_machine_id(tmp_path: Path) -> None:
    tree, machine = tmp_path / "serial-number", tmp_path / "machine-id"
    machine.write_text("abc123\n")
    assert hardware_serial((tree, machine)) == "abc123"
    tree.write_bytes(b"10000000deadbeef\0")
    assert hardware_serial((tree, machine)) == "10000000deadbeef"
    tree.write_bytes(b"0000000000000000\0")
    assert hardware_serial((tree, machine)) == "abc123"
    assert hardware_serial(()) == ""
