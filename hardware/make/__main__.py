"""`python -m hardware.make`: make everything anew; `--check`: say what is stale, with exit status 1.

`--album LINK FILE.svg` makes a lid's card with the code of one event's album instead.

Products whose tools are not installed are left as they are, and named.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from hardware.make.drawings import cards
from hardware.make.products import Product, products
from hardware.make.tables import FOLDER, TableError
from piboothup.config import LANGUAGES


def main() -> int:
    """Make or check. Returns the exit status: 0, 1 when something is stale, 2 when a table is wrong."""
    arguments = argparse.ArgumentParser(prog="python -m hardware.make", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; say what is stale")
    arguments.add_argument("names", nargs="*", help="only products whose path begins so")
    arguments.add_argument("--album", nargs=2, metavar=("LINK", "FILE.svg"), help="a lid's card for one album")
    arguments.add_argument("--language", choices=LANGUAGES, default="en", help="of that card")
    given = arguments.parse_args()
    if given.album:
        link, file = given.album
        Path(file).write_text(cards.lid(given.language, link), encoding="utf-8")
        return 0
    stale, left = [], []
    try:
        for product in products():
            if given.names and not product.path.startswith(tuple(given.names)):
                continue
            if missing := lacking(product):
                left.append(f"{product.path} (no {', '.join(missing)})")
            elif is_stale(product, write=not given.check):
                stale.append(product.path)
    except TableError as error:
        print(error, file=sys.stderr)
        return 2
    for path in left:
        print(f"left as it is: {path}")
    for path in stale:
        print(f"stale: {path}" if given.check else f"made: {path}")
    return 1 if given.check and stale else 0


def lacking(product: Product) -> list[str]:
    """Modules that the product needs and that are not here."""
    missing = []
    for module in product.needs:
        try:
            importlib.import_module(module)
        except (ImportError, OSError):  # the latter: a library of the system that the module wants
            missing.append(module)
    return missing


def is_stale(product: Product, *, write: bool) -> bool:
    """Whether the file is not as it would be made now; then it is written, if wanted."""
    path: Path = FOLDER / product.path
    made = product.make()
    if path.exists() and product.is_same(path.read_bytes(), made):
        return False
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)
    return True


if __name__ == "__main__":
    sys.exit(main())
