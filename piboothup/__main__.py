"""`python -m piboothup` is the same as the command `piboothup`."""

from piboothup.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
