"""Import of the file on the card or on a stick, and the answer beside it.

The order is what a power cut asks for: secrets go durably to root's files, then the settings; only then `(saved)`
stands in their place on the card, and at last the file is recorded as imported. After a cut anywhere the next start
does it again, with the same result. What a file says of event, key and settings counts once, as a code may come
later; a step that fails is done again alone. A stick keeps its secrets, as it may serve many boxes, and so does a
card whose system keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from piboothup.clock import Clock, SystemClock, boot_start, moment
from piboothup.config import ConfigError, Secret, good_copy, import_record
from piboothup.config.codes import WifiNetwork
from piboothup.config.good_copy import names_another_event
from piboothup.config.import_record import ImportRecord
from piboothup.records import dataclass, replace
from piboothup.setup import boot_file, radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_answer import Imported, answer, imported, told
from piboothup.setup.boot_file import Mistake
from piboothup.setup.boot_text import names_in
from piboothup.setup.boot_toml import Place, without_secrets
from piboothup.setup.boot_words import BootNetwork
from piboothup.setup.root_settings_file import CardNote
from piboothup.spool import durable
from piboothup.spool.disk.file_system import Storage, look
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

PENDING = "pending-code"
"""Name of the file beside the config file that keeps a code's text while it is taken. It may hold the key."""
WORDS, _COUNTRY, _CARD = "words", "country", "card"
"""Steps of an import: key and settings, country, `(saved)` on the card. Each network is one too, by its number."""
_KEY_MODE = 0o400
_DRAFT = re.compile(
    r"(?i)\.(piboothup.*|cmdline\.txt|key|settings\.toml(\.last)?|(imported|wifi-results)\.json|pending-code)\.\d+"
)


@dataclass(frozen=True)
class Box:
    """The box and its folders."""

    id: str
    boot: Path
    etc: Path = Path("/etc/piboothup")
    profiles: Path = wifi_profiles.FOLDER
    trials: Path = wifi_profiles.TRIALS
    clock: Clock = SystemClock()
    key_owner: tuple[int, int] | None = None
    """User and group of the uploader, whose the key's file is."""

    @property
    def key_file(self) -> Path:
        """File of the API key, as the package's config names it."""
        return self.etc / "key"

    @property
    def settings_file(self) -> Path:
        """File of root's settings."""
        return self.etc / good_copy.ROOT_FILE

    @property
    def forgets(self) -> bool:
        """Whether what is written is gone at power-off: the system lies in memory, as with an overlay on it."""
        folders = [self.etc, self.profiles if self.profiles.is_dir() else self.etc]  # not all have NetworkManager
        try:
            return Storage.MEMORY in map(look, folders)
        except OSError:  # what does not say where it keeps things is not relied upon
            return True


def write_key(box: Box, key: Secret) -> None:
    """Write the key's file durably. Raises OSError."""
    durable.replace(box.key_file, key.reveal().encode() + b"\n", mode=_KEY_MODE, owner=box.key_owner)


def run(box: Box, put_in_force: Callable[[str], None] = radio.put_in_force) -> Imported | None:
    """Import the file if it is new to this box; None when there is nothing to do. Raises OSError.

    `put_in_force`: sets the radio's country and has the networks joined.
    """
    for folder in (box.boot, box.etc, box.profiles):
        for draft in folder.glob(".*"):  # of an import that a power cut ended; it may hold a secret
            if _DRAFT.fullmatch(draft.name):
                durable.remove(draft)
    root_settings_file.renew_copy(box.settings_file)
    record = import_record.read(box.etc)
    note = _note(box, record)
    contents = {name: _content(box.boot / name) for name in names_in(box.boot) if (box.boot / name).is_file()}
    if not contents:
        if _is_of_another_box(box, note, has_boxes=False):
            root_settings_file.update(box.settings_file, {}, "", anew=True, note=CardNote())
            log.warning("settings dropped reason=they were for another box")
        elif not record.mistakes:
            return None
        _keep_record(box, ImportRecord())
        return None
    hashes = {name: _sha256(content) for name, content in contents.items()}
    recorded = record.sha256.split()
    known = recorded or [*note.sha256s]  # the record is newer, where it was not lost
    # One that was not read yet goes first, then the one that was read last.
    found = sorted(hashes, key=lambda name: known.index(hashes[name]) if hashes[name] in known else -1)
    content = contents[found[0]]
    done = imported(box.id, found, content)
    is_taken = hashes[found[0]] in known and not _is_of_another_box(box, note, done.file.has_boxes)
    if is_taken and not record.owed and (record.box, sorted(recorded)) == (box.id, sorted(hashes.values())):
        return None
    if not is_taken:
        taking = _Import(box, done, note, lambda _: True)
        taking.other_event = "" if recorded else root_settings_file.unnoted_event(box.settings_file)
    else:  # by the note alone nothing is known of the other steps
        taking = _Import(box, done, note, lambda step: step in record.owed if recorded else step != WORDS)
    left = taking.take(content, [hashes[name] for name in found[1:]])
    _put_in_force(box, done, put_in_force)
    answer(box.boot, box.id, done)
    read = [_sha256(left), *(hashes[name] for name in found[1:])]
    _keep_record(box, ImportRecord(" ".join(read), box.id, len(done.mistakes), tuple(taking.owed)))
    log.warning("card imported taken=%d mistakes=%d owed=%d", len(done.taken), len(done.mistakes), len(taking.owed))
    return done


def _note(box: Box, record: ImportRecord) -> CardNote:
    """The note in root's settings; those of an older version have none."""
    note = root_settings_file.card_note(box.settings_file)
    return note if note.box else replace(note, box=record.box)


def _is_of_another_box(box: Box, note: CardNote, has_boxes: bool) -> bool:
    """Whether what is kept may be what a file says, or said, to another box; `has_boxes`: the file on the card."""
    return (has_boxes or note.has_boxes) and note.box not in ("", box.id)


def take_from_stick(box: Box, names: list[str], content: bytes, put_in_force: Callable[[str], None]) -> Imported:
    """Import a stick's file, new or not; what is known of the card's file stays. Raises OSError.

    `names`: of the file, and of others that could be meant. `put_in_force`: as for `run`; the services know by then.
    """
    done = imported(box.id, names, content)
    done.is_of_stick = True
    _Import(box, done, _note(box, import_record.read(box.etc)), lambda _: True).take(content)
    spoke_later(box)
    _put_in_force(box, done, put_in_force)
    log.warning("stick imported taken=%d mistakes=%d", len(done.taken), len(done.mistakes))
    return done


def _put_in_force(box: Box, done: Imported, put_in_force: Callable[[str], None]) -> None:
    """Have country and networks put in force; a network without a country is noted."""
    file = done.file
    if file.country or file.networks:
        put_in_force(file.country)
    if file.networks and not file.country and not radio.kept_country(box.boot):
        done.notes.append(
            'No country is set, so the Wi-Fi keeps to what is allowed everywhere: write country = "DE".'
        )


def spoke_later(box: Box) -> None:
    """Record that a stick or a code has had its word on event and key: what failed of the card's file is void."""
    record = import_record.read(box.etc)
    _keep_record(box, replace(record, owed=tuple(step for step in record.owed if step != WORDS)))


def _content(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(boot_file.LONGEST_BYTES + 1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _keep_record(box: Box, record: ImportRecord) -> None:
    durable.replace(box.etc / import_record.FILE, record.to_bytes(), mode=0o644)


class _Import:
    """The steps; a file that can't be written is told, and what hangs on it stays on the card."""

    def __init__(self, box: Box, done: Imported, note: CardNote, is_due: Callable[[str], bool]) -> None:
        """`note`: of the file that was taken before. `is_due`: whether to do a step."""
        self._box = box
        self._note = note
        self._is_of_another_box = _is_of_another_box(box, note, done.file.has_boxes)
        self._is_due = is_due
        self.owed: list[str] = []
        """Steps that have failed."""
        self.other_event = ""
        """An event that may have been named after the file was read, by an older program."""
        self._done = done
        self._file = done.file
        self._has_key = not is_due(WORDS) and (self._file.key is not None or self._file.has_saved_key)
        """Whether the file names a key, and it is on this box."""
        self._safe: list[Place] = []
        """Where the secrets stand that are durable elsewhere."""

    def take(self, content: bytes, others: Sequence[str] = ()) -> bytes:
        """Do what is due; return the file's bytes on the card then. `others`: hashes of what lies there beside it."""
        taken, has_key = self._done.taken, self._step(WORDS, self._take_key)
        for number, found in enumerate(self._file.networks, start=1):
            if self._step(f"network {number}", partial(self._take_network, found)):
                taken.append(f"Wi-Fi '{found.network.ssid}'")
                is_safe = self._is_due(f"network {number}") or self._is_kept(found)
                self._safe += [found.place] if found.place in self._file.secrets and is_safe else []
        if has_key:
            if self._is_due(WORDS) or self._is_kept(None):
                self._safe += [place for place in self._file.secrets if place[-1] == "api_key"]
            if self._step(WORDS, partial(self._take_settings, content, others)):
                taken += told(self._file, has_key=self._has_key)
        if self._file.country and self._step(_COUNTRY, self._take_country):
            taken.append(f"country: {self._file.country}")
        return self._clear(content)

    def _step(self, name: str, do: Callable[[], bool]) -> bool:
        """Do this step if it is due; whether it is done, now or before."""
        if not self._is_due(name):
            return True
        if not (is_done := do()):
            self.owed.append(name)
        return is_done

    def _is_kept(self, found: BootNetwork | None) -> bool:
        """Whether root has the network's password, or the key, that stands on the card: a code may have another."""
        key = self._file.key
        with contextlib.suppress(OSError):
            if found is None:
                return key is not None and read_bytes(self._box.key_file).decode() == f"{key.reveal()}\n"
            return wifi_profiles.saved_password(found.network.ssid, self._box.profiles) == found.network.password
        return False

    def _take_key(self) -> bool:
        key, key_file = self._file.key, self._box.key_file
        if self._file.has_saved_key and not (key_file.exists() and key_file.stat().st_size):
            what = "The key that was saved is not on this box."
            self._tell(Mistake(self._file.key_line, what, "Write it in the file again."))
            return True
        if key is None:
            self._has_key = self._file.has_saved_key
            return True
        with self._telling("The key"):
            write_key(self._box, key)
            self._has_key = True
            return True
        return False

    def _take_network(self, found: BootNetwork) -> bool:
        network = found.network
        with self._telling(name := f"Wi-Fi '{network.ssid}'"):
            if found.is_saved:
                password = wifi_profiles.saved_password(network.ssid, self._box.profiles)
                if password is None:
                    what = f"The password of {name} that was saved is not on this box."
                    self._tell(Mistake(found.line, what, "Write it in the file again."))
                    return True
                network = WifiNetwork(network.ssid, password, network.security, network.hidden)
            if wifi_profiles.write(radio.Radio().joinable(network), found.priority, self._box.profiles):
                wifi_profiles.forget_results(self._box.etc, [network.ssid])
            return True
        return False

    def _take_settings(self, content: bytes, others: Sequence[str]) -> bool:
        settings = dict(self._file.settings)
        if self._has_key:
            event = settings.get("eventpics", {})
            settings["eventpics"] = {**event, "api_key_file": str(self._box.key_file)}
        path, anew = self._box.settings_file, self._is_of_another_box
        before = root_settings_file.event(path, anew=anew)
        if self._file.has_lost_event and names_another_event(self._file.text, before):
            settings["eventpics"] = {**settings.get("eventpics", {}), "link_id": ""}
            self._done.notes.append("It may name another event, which can't be read: photos wait for that.")
        named = settings.get("eventpics", {}).get("link_id", "")
        if named and self.other_event not in ("", named) and not anew:
            settings["eventpics"] = {**settings["eventpics"], "link_id": "", "album_id": ""}
            self._done.notes.append(
                "The box has another event, perhaps a newer one: photos wait until one is chosen."
            )
        if not settings and not anew:
            return True
        said = (moment if self._done.is_of_stick else boot_start)(self._box.clock)  # a card's file is older
        note = replace(self._note, box=self._box.id, has_boxes=self._note.has_boxes or self._file.has_boxes)
        if not self._done.is_of_stick:
            texts = (content, self._masked(content, self._file.secrets) or content)
            hashes = dict.fromkeys([*map(_sha256, texts), *others])
            note = CardNote(tuple(hashes), self._box.id, self._file.has_boxes)
        with self._telling("The settings"):
            root_settings_file.update(path, settings, said, anew=anew, note=note)
            return True
        return False

    def _take_country(self) -> bool:
        with self._telling("The country"):
            radio.keep_country(self._box.boot, self._file.country)
            return True
        return False

    def _clear(self, content: bytes) -> bytes:
        """Write `(saved)` on the card for each secret that is safe; return the file's bytes then."""
        if self._file.secrets and self._done.is_of_stick:
            self._done.notes.append("Key and passwords still stand on this stick: whoever has it has them.")
        if not self._safe or self._done.is_of_stick:
            return content
        if self._box.forgets:
            self._done.notes.append(
                "This system keeps nothing at power-off (an overlay): key and passwords stay here."
            )
            return content
        left = self._masked(content, self._safe)
        if left is None:
            what = "Key and passwords still stand in the file."
            self._tell(Mistake(None, what, 'Write "(saved)" for each by hand.'))
            return content
        with self._telling("That key and passwords are saved"):
            durable.replace(self._box.boot / self._done.name, left, mode=None)
            return left
        self.owed.append(_CARD)
        return content

    def _masked(self, content: bytes, secrets: Sequence[Place]) -> bytes | None:
        """The file with `(saved)` for each of these secrets; None where that can't be told from the text."""
        if not secrets:
            return content
        text = without_secrets(self._file.text, self._file.readable, secrets)
        ends = "\r\n" if b"\r" in content else "\n"
        return None if text is None else text.replace("\n", ends).encode()

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Tell that it can't be written, if so."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            remedy = "Put the stick in again." if self._done.is_of_stick else "It is tried again at the next start."
            self._tell(Mistake(None, f"{what} can't be written ({reason}).", remedy))
        except ConfigError as error:
            self._tell(Mistake(None, error.what, error.remedy))

    def _tell(self, mistake: Mistake) -> None:
        self._done.mistakes.append(mistake)
