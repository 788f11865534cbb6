"""Import of the file on the card or on a stick, and the answer beside it.

The order is what a power cut asks for: secrets go durably to root's files, then the settings; only then `(saved)`
stands in their place on the card, and at last the file is recorded as imported. After a cut anywhere the next start
does it again, with the same result. A stick keeps its secrets, as it may serve many boxes.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from piboothup.config import ConfigError, Secret, good_copy, import_record
from piboothup.config.codes import WifiNetwork
from piboothup.config.good_copy import names_another_event
from piboothup.config.import_record import ImportRecord
from piboothup.records import dataclass, field
from piboothup.setup import boot_file, radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_file import BootFile, Mistake
from piboothup.setup.boot_text import names_in
from piboothup.setup.boot_toml import Place, without_secrets
from piboothup.setup.boot_words import BootNetwork
from piboothup.spool import durable
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

ANSWER = "piboothup-status.txt"
PENDING = "pending-code"
"""Name of the file beside the config file that keeps a code's text while it is taken. It may hold the key."""
_KEY_MODE = 0o400
_MOST_SHOWN = 20
"""Mistakes that the answer lists."""
_ONCE_MORE = (
    "Correct the file and start the box again: a changed file is read at each start.",
    "Correct the file and put the stick in again, within ten minutes of power-on.",
)
"""What to do about mistakes on the card, and on a stick."""
_AT_LAST_START = "The box at its last start:"
"""Line of the answer below which nothing is about the file."""
_DRAFT = re.compile(r"(?i)\.(piboothup.*|cmdline\.txt|key|settings\.toml|imported\.json|pending-code)\.\d+")


@dataclass(frozen=True)
class Box:
    """The box and its folders."""

    id: str
    boot: Path
    etc: Path = Path("/etc/piboothup")
    profiles: Path = wifi_profiles.FOLDER
    trials: Path = wifi_profiles.TRIALS
    key_owner: tuple[int, int] | None = None
    """User and group of the uploader, whose the key's file is."""

    @property
    def key_file(self) -> Path:
        """File of the API key, as the package's config names it."""
        return self.etc / "key"


def write_key(box: Box, key: Secret) -> None:
    """Write the key's file durably. Raises OSError."""
    durable.replace(box.key_file, key.reveal().encode() + b"\n", mode=_KEY_MODE, owner=box.key_owner)


@dataclass
class Imported:
    """What the import has done."""

    name: str
    """Name of the file."""
    file: BootFile
    taken: list[str] = field(default_factory=list)
    """What is in force now, a line each."""
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_of_stick: bool = False


def run(box: Box, put_in_force: Callable[[str], None] = radio.put_in_force) -> Imported | None:
    """Import the file if it is new to this box; None when there is nothing to do. Raises OSError.

    `put_in_force`: sets the radio's country and has the networks joined.
    """
    for folder in (box.boot, box.etc, box.profiles):
        for draft in folder.glob(".*"):  # of an import that a power cut ended; it may hold a secret
            if _DRAFT.fullmatch(draft.name):
                durable.remove(draft)
    record = import_record.read(box.etc)
    contents = {name: _content(box.boot / name) for name in names_in(box.boot) if (box.boot / name).is_file()}
    if not contents:
        if record.mistakes:
            _keep_record(box, ImportRecord())
        return None
    hashes = {name: _sha256(content) for name, content in contents.items()}
    known = record.sha256.split() if record.box == box.id else []
    if sorted(known) == sorted(hashes.values()):
        return None
    found = sorted(hashes, key=lambda name: hashes[name] in known)  # one that was not read yet goes first
    content = contents[found[0]]
    done = _imported(box, found, content)
    left = _Import(box, done, record.box).take(content)
    _put_in_force(box, done, put_in_force)
    answer(box, done)
    read = ([_sha256(left)] if left is not None else []) + [hashes[name] for name in found[1:]]
    _keep_record(box, ImportRecord(" ".join(read), box.id, len(done.mistakes)))
    log.warning("card imported taken=%d mistakes=%d again=%s", len(done.taken), len(done.mistakes), left is None)
    return done


def take_from_stick(box: Box, names: list[str], content: bytes, put_in_force: Callable[[str], None]) -> Imported:
    """Import a stick's file, new or not; what is known of the card's file stays. Raises OSError.

    `names`: of the file, and of others that could be meant. `put_in_force`: as for `run`; the services know by then.
    """
    record = import_record.read(box.etc)
    done = _imported(box, names, content)
    done.is_of_stick = True
    _Import(box, done, record.box).take(content)
    of_card = record.sha256 if record.box == box.id else ""
    _keep_record(box, ImportRecord(of_card, box.id, record.mistakes))
    _put_in_force(box, done, put_in_force)
    log.warning("stick imported taken=%d mistakes=%d", len(done.taken), len(done.mistakes))
    return done


def _imported(box: Box, names: list[str], content: bytes) -> Imported:
    """What the file says, of which nothing is done yet."""
    file = boot_file.read(content, box.id)
    done = Imported(names[0], file, mistakes=file.mistakes)
    if names[1:]:
        done.mistakes.append(Mistake(None, f"There is {names[1]} too.", f"{names[0]} was read; delete the other."))
    if file.has_boxes and not file.own_table:
        done.notes.append(f"No [[box]] has the id {box.id}: only the common part counts.")
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


def _content(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(boot_file.LONGEST_BYTES + 1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _keep_record(box: Box, record: ImportRecord) -> None:
    durable.replace(box.etc / import_record.FILE, record.to_bytes(), mode=0o644)


class _Import:
    """The steps; a file that can't be written is told, and what hangs on it stays on the card."""

    def __init__(self, box: Box, done: Imported, last_box: str) -> None:
        """`last_box`: id of the box that this card was in at the last import."""
        self._box = box
        self._is_of_another_box = done.file.has_boxes and last_box not in ("", box.id)
        """Whether what is kept may be what the file says to another box."""
        self._done = done
        self._file = done.file
        self._has_key = False
        """Whether the file names a key, and it is on this box."""
        self._safe: list[Place] = []
        """Where the secrets stand that are durable elsewhere."""

    def take(self, content: bytes) -> bytes | None:
        """Take everything; return the file's bytes on the card then, None when it should be imported again."""
        saved = [self._take_key(), *map(self._take_network, self._file.networks), self._take_settings()]
        saved.append(self._take_country())
        left = self._clear(content)
        return left if all(saved) else None

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
            self._safe += [place for place in self._file.secrets if place[-1] == "api_key"]
            self._has_key = True
            return True
        return False

    def _take_network(self, found: BootNetwork) -> bool:
        network = found.network
        name = f"Wi-Fi '{network.ssid}'"
        with self._telling(name):
            if found.is_saved:
                password = wifi_profiles.saved_password(network.ssid, self._box.profiles)
                if password is None:
                    what = f"The password of {name} that was saved is not on this box."
                    self._tell(Mistake(found.line, what, "Write it in the file again."))
                    return True
                network = WifiNetwork(network.ssid, password, network.security, network.hidden)
            wifi_profiles.write(network, found.priority, self._box.profiles)
            self._safe += [found.place] if found.place in self._file.secrets else []
            self._done.taken.append(name)
            return True
        return False

    def _take_settings(self) -> bool:
        settings = dict(self._file.settings)
        if self._has_key:
            event = settings.get("eventpics", {})
            settings["eventpics"] = {**event, "api_key_file": str(self._box.key_file)}
        path = self._box.etc / good_copy.ROOT_FILE
        if self._file.has_lost_event and names_another_event(self._file.text, root_settings_file.event(path)):
            settings["eventpics"] = {**settings.get("eventpics", {}), "link_id": ""}
            self._done.notes.append("It may name another event, which can't be read: photos wait for that.")
        if not settings:
            return True
        with self._telling("The settings"):
            root_settings_file.update(path, settings, anew=self._is_of_another_box)
            self._done.taken += _told(self._file, has_key=self._has_key)
            return True
        return False

    def _take_country(self) -> bool:
        country = self._file.country
        if not country:
            return True
        with self._telling("The country"):
            radio.keep_country(self._box.boot, country)
            self._done.taken.append(f"country: {country}")
            return True
        return False

    def _clear(self, content: bytes) -> bytes | None:
        """Write `(saved)` on the card for each secret that is safe; return the file's bytes then."""
        if self._file.secrets and self._done.is_of_stick:
            self._done.notes.append("Key and passwords still stand on this stick: whoever has it has them.")
        if not self._safe or self._done.is_of_stick:
            return content
        text = without_secrets(self._file.text, self._file.readable, self._safe)
        if text is None:
            what = "Key and passwords still stand in the file."
            self._tell(Mistake(None, what, 'Write "(saved)" for each by hand.'))
            return content
        ends = "\r\n" if b"\r" in content else "\n"
        left = text.replace("\n", ends).encode()
        with self._telling("That key and passwords are saved"):
            durable.replace(self._box.boot / self._done.name, left, mode=None)
            return left
        return None

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


def _told(file: BootFile, *, has_key: bool) -> list[str]:
    """What was taken of the settings, a line for each table."""
    plain = [name for name, value in file.settings.items() if not isinstance(value, dict)]
    tables = {name: [*value] for name, value in file.settings.items() if isinstance(value, dict)}
    if has_key:
        tables["eventpics"] = ["the key", *tables.get("eventpics", [])]
    lines = [", ".join(plain)] if plain else []
    return lines + [f"[{name}]: {', '.join(keys)}" for name, keys in tables.items()]


# -- the answer ------------------------------------------------------------------------------------------------------


def answer(box: Box, done: Imported, now: tuple[str, ...] = (), folder: Path | None = None) -> bool:
    """Write what was taken and what was wrong on the card, or in this folder; whether that could be written.

    `now`: how the box is.
    """
    lines = [f"The answer of box {box.id} to {done.name}{' on a stick' if done.is_of_stick else ''}.", ""]
    lines += ["In force:", *(f"- {line}" for line in done.taken), ""] if done.taken else ["Nothing was taken.", ""]
    if done.file.own_table:
        lines += [f"The table [[box]] with id = {box.id} is this box's, and was laid over the common part.", ""]
    if done.mistakes:
        lines += ["Not taken, as there are mistakes:", *(f"- {mistake}" for mistake in done.mistakes[:_MOST_SHOWN])]
        lines += [f"- and {more} more" for more in (len(done.mistakes) - _MOST_SHOWN,) if more > 0] + [""]
        lines += [_ONCE_MORE[done.is_of_stick], ""]
    lines += [*done.notes, *([""] if done.notes and now else [])]
    return _write_answer((folder or box.boot) / ANSWER, lines, now)


def renew_answer(box: Box, now: tuple[str, ...]) -> None:
    """Write how the box is below what was answered to a file that has not changed since."""
    path = box.boot / ANSWER
    try:
        lines = read_bytes(path).decode().splitlines()
    except (OSError, UnicodeDecodeError):  # deleted, or of somebody else
        lines = [f"Box {box.id} took the file at an earlier start, and it has not changed since.", ""]
    if _AT_LAST_START in lines:
        del lines[lines.index(_AT_LAST_START) :]
    _write_answer(path, lines, now)


def _write_answer(path: Path, lines: list[str], now: tuple[str, ...]) -> bool:
    lines = [*lines, *([_AT_LAST_START, *now] if now else [])]
    try:
        durable.update(path, "\r\n".join([*lines, ""]).encode(), mode=None)
    except OSError as error:
        log.error("answer not written reason=%s", error.strerror or error)
        return False
    return True
