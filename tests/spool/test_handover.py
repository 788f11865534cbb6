"""Photos on their way out of a real spool: verified while read, moved to sent/, parked/ and quarantine/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from piboothup.spool import commit, handover
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.photo_file import Damaged
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, disk, mounts, needs_images
from tests.support.photos import counts, is_intact, jpeg, names_in_new, open_spool, take

__all__ = ["disk", "mounts"]


def test_photo_moves_to_sent_parked_quarantine_under_same_name(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    sent, parked, damaged = (take(spool, jpeg(number)) for number in range(3))
    handover.mark_sent(spool, sent)
    handover.park(spool, parked, "EventPics refuses it.")
    handover.quarantine(spool, damaged)
    assert counts(spool) == {NEW: 0, SENT: 1, PARKED: 1, QUARANTINE: 1}
    assert spool.path(parked, PARKED).with_suffix(".txt").read_text() == "EventPics refuses it.\n"
    assert handover.retry_parked(spool) == 1
    assert names_in_new(spool) == [parked]
    assert [path.name for path in (tmp_path / "parked").iterdir()] == []


def test_s07_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    assert is_intact(spool, name)
    content = bytearray(jpeg(1))
    content[len(content) // 2] ^= 1
    spool.path(name).write_bytes(content)
    assert not is_intact(spool, name)


@pytest.mark.parametrize("block_bytes", [7, 1000, 1 << 20, -1])
def test_s07_photo_last_bytes_given_only_if_all_match_its_name(tmp_path: Path, block_bytes: int) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    with handover.open_photo(spool, name) as file:
        for _ in range(2):  # from its start, once more
            file.seek(0)
            assert b"".join(iter(lambda: file.read(block_bytes), b"")) == jpeg(1)
    for damaged in (b"", jpeg(1)[:-1], jpeg(1)[:-1] + b"?", b"?" + jpeg(1)[1:], jpeg(1) + b"?"):
        spool.path(name).write_bytes(damaged)
        given = bytearray()
        with handover.open_photo(spool, name) as file, pytest.raises(Damaged):
            while True:
                given += file.read(block_bytes)
        assert len(given) < max(1, len(damaged))


def on_a_card_that_others_fill(root: Path) -> None:
    image, card = root / "image", root / "card"
    card.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(card)], check=True)
    spool = open_spool(card / "spool", HandClock())
    names = [take(spool, jpeg(number)) for number in range(3)]
    with pytest.raises(OSError, match="No space left"), (card / "others").open("wb", buffering=0) as others:
        while True:
            others.write(bytes(4096))
    with pytest.raises(OSError, match="No space left"):
        for number in range(1000):
            (card / f"of others {number}").mkdir()
    for name in names:
        handover.mark_sent(spool, name)
    assert commit.make_room(spool, 8) == 3


@needs_images
@pytest.mark.process
def test_s01_on_a_full_card_sent_photos_still_make_room(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(on_a_card_that_others_fill, disk)
