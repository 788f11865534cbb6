"""Faults of the local EventPics, and the file that lists them.

A faults file is JSON (a list of objects) or TOML (tables [[faults]]), each with the fields of `Fault`.
"""

from __future__ import annotations

import json
import typing
from enum import StrEnum
from pathlib import Path

import tomli

from piboothup.records import dataclass, field


class Drop(StrEnum):
    """Point at which the connection is reset."""

    START = "start"
    """Reset before the request's body is read."""
    BODY = "body"
    """Reset in the middle of the request's body."""
    ANSWER = "answer"
    """Reset after the request was carried out: only the answer is lost."""


class SimulatorError(ValueError):
    """Unusable faults file, port or directory; the text is a sentence."""


@dataclass(frozen=True)
class Fault:
    """Fault rule; the first that matches a call and is not used up is applied to it."""

    call: str = ""
    """Call that it matches: "geteventsandalbums", "getuploadurl", "put"; empty = every call."""
    status: int = 0
    """HTTP status of the answer; 0 = carry the request out (unless another field answers)."""
    body: str = ""
    """Body of that answer; empty = EventPics' own body for a 4xx."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers of that answer."""
    stall_s: float = 0.0
    """Delay before the answer, seconds; ended by going offline or stopping."""
    drop: str = ""
    """A value of `Drop`; empty = none."""
    redirect: str = ""
    """Target of a redirect, with 302 (or `status`)."""
    html: bool = False
    """Sign-in page as the answer, with 200 (or `status`)."""
    times: int = 0
    """Number of calls to apply the rule to; 0 = all."""


def load_faults(path: Path) -> list[Fault]:
    """Load the rules of a file: JSON (a list of objects) or TOML (tables [[faults]]). Raises SimulatorError."""
    try:
        text = path.read_text(encoding="utf-8")
        listed = json.loads(text) if path.suffix == ".json" else tomli.loads(text).get("faults", [])
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SimulatorError(f"The faults file {path} can't be read: {reason}.") from None
    kinds = typing.get_type_hints(Fault)
    faults = []
    for number, shown in enumerate(listed if isinstance(listed, list) else [listed], start=1):
        if not isinstance(shown, dict) or not shown.keys() <= kinds.keys():
            raise SimulatorError(f"Rule {number} of {path} should be a table with the keys {', '.join(kinds)}.")
        for key, value in shown.items():
            wanted = typing.get_origin(kinds[key]) or kinds[key]
            fits = isinstance(value, (int, float) if wanted is float else wanted)
            if not fits or (isinstance(value, bool) and wanted is not bool):
                raise SimulatorError(f"Rule {number} of {path}: `{key}` should be of type {wanted.__name__}.")
        if shown.get("drop", "") not in ("", *Drop):
            raise SimulatorError(f"Rule {number} of {path}: `drop` should be one of {', '.join(Drop)}.")
        faults.append(Fault(**shown))
    return faults
