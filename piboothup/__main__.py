"""Start of the program, as `piboothup` and as `python -m piboothup`.

A booth says hello on its panel before anything else is imported.
"""

import gc
import sys


def main() -> int:
    """Run the command of the command line; return its exit status."""
    if "booth" in sys.argv[1:]:
        gc.disable()  # until it is ready: looking for garbage is a tenth of the start's processor time
        from piboothup.booth.panel import hello  # noqa: PLC0415

        hello.begin(sys.argv[1:])
    from piboothup.cli import main as run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
