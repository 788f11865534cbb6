"""The bench on which cut cards are tried: a trace goes in, all its states are recovered, broken promises come out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.spool.crash.model import Disk, Trace, Tree, states, write_tree
from tests.spool.crash.promises import Found, Life, after_the_cut, broken


class Broken(AssertionError):
    """A promise did not survive a cut; the text says which, and where the cut was."""


@dataclass
class Bench:
    """Tries each different state once; counts how many states there were."""

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    checked: int = 0
    found: dict[Tree, Found] = field(default_factory=dict)
    """What came of each state; benches may share it as long as the code is the same."""

    @property
    def different(self) -> int:
        """How many different states were recovered."""
        return len(self.found)

    def close(self) -> None:
        """Leaves nothing behind."""
        shutil.rmtree(self.root)

    def live(self, how: Callable[[Life], object], without_sync: str = "") -> Life:
        """A life on a card of its own, from the first start on."""
        card = self.card("life")
        life = Life(card, without_sync=without_sync)
        with life.disk:
            how(life)
        return life

    def card(self, name: str, tree: Tree = ()) -> Path:
        """A card with this on it."""
        write_tree(tree, self.root / name)
        return self.root / name

    def after(self, tree: Tree) -> Found:
        """What the box finds when its card is in this state. Raises Broken when it does not even start."""
        self.checked += 1
        if tree not in self.found:
            try:
                self.found[tree] = after_the_cut(self.card("cut", tree))
            except Exception as error:
                raise Broken(f"the start failed: {error!r} on {shown(tree)}") from error
        return self.found[tree]

    def examine(self, trace: Trace, cuts: Iterable[int] | None = None) -> None:
        """Cuts the power after every step (or after these) and checks every promise. Raises Broken."""
        for cut in trace.cuts if cuts is None else cuts:
            told = trace.told(cut)
            for disk, tree in each_state(trace, cut):
                for sentence in broken(self.after(tree), told):
                    raise Broken(
                        f"{sentence}: cut {cut} on disk {disk}, after {last_steps(trace, cut)}; {shown(tree)}"
                    )


def each_state(trace: Trace, cut: int) -> Iterator[tuple[Disk, Tree]]:
    """Every state of both disks after this cut."""
    for disk in Disk:
        for tree in states(trace, cut, disk):
            yield disk, tree


def last_steps(trace: Trace, cut: int) -> str:
    """The last steps before the cut, in words."""
    return " · ".join(str(step)[:90] for step in trace.steps[max(0, cut - 3) : cut])


def shown(tree: Tree) -> str:
    """A state in words."""
    return ", ".join(f"{name} {len(content)}" for name, content in tree if content is not None)
