"""Start of the program, as `piboothup` and as `python -m piboothup`.

A booth says hello on its panel before anything else is imported.
"""

import gc
import os
import sys

_MEMBARRIER, _REGISTER = {"x86_64": 324, "aarch64": 283}, 16
"""Number of membarrier(2), by machine, as the C library has no function for it; its command to register."""


def main() -> int:
    """Run the command of the command line; return its exit status."""
    if "booth" in sys.argv[1:]:
        gc.disable()  # until it is ready: looking for garbage is a tenth of the start's processor time
        _register_barriers()
        from piboothup.booth.panel import hello  # noqa: PLC0415

        hello.begin(sys.argv[1:])
    from piboothup.cli import main as run  # noqa: PLC0415

    return run()


def _register_barriers() -> None:
    """Register for membarrier(2), as a library under libcamera does later, while this process has one thread.

    Then it takes no time. Of a process with threads the kernel makes the caller wait for every processor: 8 to 10 ms
    of a start. ctypes is loaded in any case. Where this fails or is not known, the start takes that much longer.
    """
    import ctypes  # noqa: PLC0415

    number = _MEMBARRIER.get(os.uname().machine)
    if number is not None and sys.maxsize > 2**32:  # the numbers are those of 64 bit
        ctypes.CDLL(None).syscall(number, _REGISTER, 0, 0)


if __name__ == "__main__":
    raise SystemExit(main())
