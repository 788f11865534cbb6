"""Steps of an import: what a file says is written where root keeps it, each step for itself.

A step that can't be done is told, and owed; what hangs on it stays on the card.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from piboothup.clock import Clock, SystemClock, boot_start, moment
from piboothup.config import ConfigError, Secret, good_copy
from piboothup.config.codes import WifiNetwork
from piboothup.config.good_copy import names_another_event
from piboothup.records import dataclass, replace
from piboothup.setup import radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_answer import Imported, told
from piboothup.setup.boot_file import BootFile, Mistake
from piboothup.setup.boot_text import Place, without_secrets
from piboothup.setup.boot_words import BootNetwork
from piboothup.setup.root_settings_file import CardNote
from piboothup.spool import durable
from piboothup.spool.disk.file_system import Storage, look
from piboothup.text import read_bytes

WORDS, _COUNTRY, _CARD = "words", "country", "card"
"""Steps of an import: key and settings, country, `(saved)` on the card. Each network is one too, by its number."""
_KEY_MODE = 0o400
_EVENT, _ALBUM, _KEY = "eventpics.link_id", "eventpics.album_id", "eventpics.api_key_file"


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


def is_of_another_box(box: Box, note: CardNote, has_boxes: bool) -> bool:
    """Whether what is kept may be what a file says, or said, to another box; `has_boxes`: the file on the card."""
    return (has_boxes or note.has_boxes) and note.box not in ("", box.id)


def sha256(content: bytes) -> str:
    """Hash of a file's bytes, as note and record have it."""
    return hashlib.sha256(content).hexdigest()


def names_of(settings: Mapping[str, Any]) -> list[str]:
    """Names of these settings, each with its table's."""
    tables = {name: value if isinstance(value, dict) else {"": None} for name, value in settings.items()}
    return [f"{name}.{key}".strip(".") for name, table in tables.items() for key in table]


def without(settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """These settings but those of these names."""
    left = {name: value for name, value in settings.items() if name not in names}
    for name, value in settings.items():
        if isinstance(value, dict):
            left[name] = {key: each for key, each in value.items() if f"{name}.{key}" not in names}
    return {name: value for name, value in left.items() if value != {}}


def names_said(file: BootFile) -> list[str]:
    """Names of the settings of which this file says something, perhaps not readably."""
    has_key, may_name_event = file.key is not None or file.has_saved_key, file.has_lost_event or file.has_lost_end
    more = [_KEY] if has_key else []
    return [*names_of(file.settings), *more, *([_EVENT] if may_name_event else [])]


class Import:
    """The steps; a file that can't be written is told, and what hangs on it stays on the card."""

    def __init__(
        self,
        box: Box,
        done: Imported,
        note: CardNote,
        is_due: Callable[[str], bool],
        later: Sequence[str] = (),
    ) -> None:
        """`note`: of the file that was taken before. `is_due`: whether to do a step."""
        self._box = box
        self._note = note
        self._is_of_another_box = is_of_another_box(box, note, done.file.has_boxes)
        self._is_due = is_due
        self.owed: list[str] = []
        """Steps that have failed."""
        self.other_event = ""
        """An event that may have been named after the file was read, by an older program."""
        self.first_said = ""
        """Moment by which the file's words were said, if root's disk did not take them then."""
        self.later = tuple(later)
        """Settings that a code or stick has said since, by name."""
        self._done = done
        self._file = done.file
        self._unsaid = self._later_with_its_own()
        self._settings = without(self._file.settings, self._unsaid)
        if unsaid := [name for name in names_said(self._file) if name in self._unsaid]:
            done.notes.append(f"A later code or stick counts, not this file, for {', '.join(unsaid)}.")
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
            if (self._is_due(WORDS) and _KEY not in self._unsaid) or self._is_kept(None):
                self._safe += [place for place in self._file.secrets if place[-1] == "api_key"]
            if self._step(WORDS, partial(self._take_settings, content, others)):
                taken += told(self._settings, has_key=self._has_key)
        if self._file.country and self._step(_COUNTRY, self._take_country):
            taken.append(f"country: {self._file.country}")
        return self._clear(content)

    @property
    def steps(self) -> tuple[str, ...]:
        """All steps that such a file may have."""
        networks = range(1, len(self._file.networks) + 1)
        return (WORDS, *(f"network {number}" for number in networks), _COUNTRY)

    @property
    def owed_said(self) -> str:
        """Moment by which the file's words were said, if they are owed."""
        return (self.first_said or boot_start(self._box.clock)) if WORDS in self.owed else ""

    def _later_with_its_own(self) -> set[str]:
        """What was said later, and what goes with an event: its album, and the key that there is."""
        later, key_file = set(self.later), self._box.key_file
        if later & {_EVENT, _ALBUM}:
            later |= {_EVENT, _ALBUM, *([_KEY] if key_file.exists() and key_file.stat().st_size else [])}
        return later

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
        if _KEY in self._unsaid:
            self._has_key = self._is_kept(None)
            return True
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
        settings = dict(self._settings)
        if self._has_key:
            event = settings.get("eventpics", {})
            settings["eventpics"] = {**event, "api_key_file": str(self._box.key_file)}
        path, anew = self._box.settings_file, self._is_of_another_box
        before = root_settings_file.event(path, anew=anew)
        is_cut_off = self._file.has_lost_end and "link_id" not in settings.get("eventpics", {})
        has_lost = self._file.has_lost_event and names_another_event(self._file.text, before)
        if _EVENT not in self._unsaid and (is_cut_off or has_lost):
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
        masked = self._masked(content, self._file.secrets) or content
        said = (moment if self._done.is_of_stick else boot_start)(self._box.clock)  # a card's file is older
        if self.first_said not in ("", said):
            said = f"{self.first_said} {said}"
        if self._box.forgets:  # it is read at each start: the same words are said once
            said = sha256(masked)[:16]
        note = replace(self._note, box=self._box.id, has_boxes=self._note.has_boxes or self._file.has_boxes)
        if not self._done.is_of_stick:
            hashes = (sha256(content), sha256(masked), *others)
            note = CardNote(hashes, self._box.id, self._file.has_boxes)
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
        return None if text is None else text.replace("\n", ends).encode() + b"\0" * self._file.has_lost_end

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
