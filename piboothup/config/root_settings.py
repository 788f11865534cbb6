"""Root's settings: what the file on the card said, laid over the config file key by key, on a box alone.

Root's helper writes the file, in one piece and with `COMPLETE` as its last line: without that line it was cut off.
What can't be used of it comes from the last good config. A file that is gone, but was there, is an error too: the
config file may name an event of former guests. So may the last good config, which can be older than the file that was
lost: its event counts only if the copy that root keeps beside the file tells the same.
"""

from __future__ import annotations

from pathlib import Path

from piboothup.config.good_copy import OF_ROOT, PRESENT, GoodCopy, names_another_event
from piboothup.config.reading import COMPLETE, Reading
from piboothup.config.settings import Config, ConfigError
from piboothup.records import dataclass
from piboothup.text import read_bytes, without_mark

_REMEDY = (
    "Put piboothup.toml on the card once more, changed in any line, if only by a comment; "
    f"if nothing is missing, end the file with the line `{COMPLETE}`."
)


@dataclass
class RootSettings:
    """Content of the file, as far as it can be used."""

    path: Path | None = None
    """None for a config file that has none."""
    reading: Reading | None = None
    """None when there is no file, or when it can't be used."""
    error: ConfigError | None = None
    """Why none of it can be used."""
    text: str = ""

    def compare(self, kept: GoodCopy) -> None:
        """Tell a file that is not there as an error, if the last good config had settings of it, or it has a copy."""
        if self.path is None or self.reading is not None or self.error is not None:
            return
        if of_root(kept) or _is_lost(read(copy_of(self.path))):
            self.error = ConfigError(self.path, None, "It is gone.", f"{_REMEDY[:-1]} alone.")

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of its settings, for the good copy; empty without a file, None when it can't be used."""
        if self.reading is None:
            return None if self.error else ()
        return (*(f"{OF_ROOT}{name}" for name in self.reading.names), PRESENT)

    def lost_tables(self, kept: GoodCopy) -> set[str]:
        """Tables (and settings outside of tables) that the file has or had, but not in a form to be used."""
        if self.reading is not None:
            return {name.partition(".")[0] for name in self.reading.names} - set(self.reading.values)
        return {name.partition(".")[0] for name in of_root(kept)} if self.error else set()

    def lost_event(self, kept: GoodCopy) -> bool:
        """Whether the last good event was of these settings, and can't be read in them: the config file's is void."""
        return "eventpics" in self.lost_tables(kept) and "eventpics.link_id" in of_root(kept)

    def had_another_event(self, kept: GoodCopy, config: Config) -> bool:
        """Whether it can't be used, and may have named another event than `config`, of the last good one."""
        if self.error is None or self.path is None:
            return False
        copied, event = read(copy_of(self.path)), config.eventpics
        found = copied.reading
        table = found.values.get("eventpics") if found is not None else None
        if found is None or table is None or "eventpics.link_id" not in found.names:
            return self.lost_event(kept) or copied.error is not None
        album_id = table.album_id if "eventpics.album_id" in found.names else event.album_id
        return (event.link_id, event.revision, event.album_id) != (table.link_id, table.revision, album_id)

    def names_another_event(self, config: Config) -> bool:
        """Whether it has mistakes, and may name another event than `config`."""
        has_mistake = self.error is not None or (self.reading is not None and bool(self.reading.errors))
        return has_mistake and names_another_event(self.text, config.eventpics)


def copy_of(path: Path) -> Path:
    """The copy that root's helper keeps of the file."""
    return path.with_name(f"{path.name}.last")


def _is_lost(copied: RootSettings) -> bool:
    """Whether the copy tells that there were settings."""
    return copied.error is not None or (copied.reading is not None and bool(copied.reading.names))


def of_root(kept: GoodCopy) -> list[str]:
    """Names of root's settings in the last good config."""
    return [name.removeprefix(OF_ROOT) for name in kept.names if name.startswith(OF_ROOT)]


def read(path: Path) -> RootSettings:
    """Read root's settings."""
    text = ""
    try:
        content = read_bytes(path)
        text = content.decode("utf-8", "replace")
        reading = Reading.of(without_mark(content).decode(), path)
    except FileNotFoundError:
        return RootSettings(path)
    except OSError as failure:
        error = ConfigError(path, None, f"It can't be read: {failure.strerror}.", "Check its owner and mode.")
    except UnicodeDecodeError:
        error = ConfigError(path, None, "This is not UTF-8 text.", _REMEDY)
    except ConfigError as mistake:
        error = mistake
    else:
        if reading.is_complete:
            return RootSettings(path, reading, text=text)
        line = text.rstrip().count("\n") + 1
        error = ConfigError(path, line, "Its end is missing: what wrote it may have been cut off.", _REMEDY)
    return RootSettings(path, error=error, text=text)
