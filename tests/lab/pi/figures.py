"""Figures of the booth and the uploader: start, memory and rest. Those of the start against the code of before."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.lab.pi.box import SERVICES, SPOOL, Box
from tests.lab.pi.guest import Failure, wait

ROUNDS = 2
"""Starts of each code, in turn."""
MODULES = "/usr/lib/python3/dist-packages/piboothup"
BASELINE = "/opt/baseline/piboothup"

NAME_AND_WAKEUPS = "s/^Name:\\t//p; s/^voluntary_ctxt_switches:\\t//p"


@dataclass(frozen=True)
class Start:
    """Seconds from the process's start."""

    first_picture_s: float
    notified_s: float
    ready_s: float
    memory_kib: dict[str, int]


def compare(box: Box, baseline: Path) -> None:
    """Start the booth of before and of now in turn, each from a cold card."""
    packed = subprocess.run(["tar", "-C", baseline, "-cz", "."], capture_output=True, check=True).stdout
    box.pi.run("mkdir -p /opt/baseline && tar -C /opt/baseline -xz", packed)
    starts: dict[str, list[Start]] = {"before": [], "now": []}
    for _ in range(ROUNDS):
        for code, found in starts.items():
            found.append(_start(box, code == "before"))
            print(f"{code}: {found[-1]}", flush=True)

    def ratio(name: str) -> str:
        now, before = (median(getattr(start, name) for start in starts[code]) for code in ("now", "before"))
        return f"{now:.1f} s, before {before:.1f} s: {100 * now / before:.0f} %"

    print("exec to READY:", ratio("notified_s"))
    print("exec to the state ready:", ratio("ready_s"))
    shares = [start.first_picture_s / start.ready_s for start in starts["now"]]
    print(
        f"first picture on the panel: {100 * median(shares):.0f} % of the time to ready; {ratio('first_picture_s')}"
    )
    for service in SERVICES:
        now, before = (median(start.memory_kib[service] for start in starts[code]) for code in ("now", "before"))
        print(f"memory of the {service} (PSS): {now / 1024:.1f} MiB, before {before / 1024:.1f} MiB")


def _start(box: Box, is_before: bool) -> Start:
    pi = box.pi
    pi.run("systemctl stop piboothup-booth piboothup-uploader")
    if is_before:
        pi.run(f"mount --bind {BASELINE} {MODULES}")
    try:
        pi.run("sync; echo 3 >/proc/sys/vm/drop_caches")
        pi.panel.forget()
        watcher = pi.stream("exec python3 -u /usr/local/sbin/lab_watch.py")
        try:
            pi.run("systemctl start piboothup-booth")
            assert watcher.stdout is not None
            ready_s = next(said["t"] for line in watcher.stdout if (said := json.loads(line))["state"] == "ready")
        finally:
            watcher.kill()
        began_us, notified_us = pi.show(
            "piboothup-booth", "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"
        )
        pi.panel.look()
        if pi.panel.first_lit_s is None:
            raise Failure("ready, and nothing on the panel")
        pi.run("systemctl start piboothup-uploader")
        wait("the uploader", lambda: pi.report("uploader").get("state") == "idle")
        began_s = int(began_us) / 1e6
        memory = {service: _memory_kib(box, service) for service in SERVICES}
        return Start(pi.panel.first_lit_s - began_s, int(notified_us) / 1e6 - began_s, ready_s - began_s, memory)
    finally:
        if is_before:
            pi.run(f"systemctl stop piboothup-booth piboothup-uploader; umount {MODULES}")


def _memory_kib(box: Box, service: str) -> int:
    return int(box.pi.run(f"sed -n 's/^Pss: *//p' /proc/{box.pid(service)}/smaps_rollup").split()[0])


def rest(box: Box, seconds: int) -> None:
    """Nobody presses, nothing waits: nothing is written to the card.

    Wake-ups are printed only: with threads that wait for Python's lock, and on an emulated processor they wait long.
    """
    box.pi.run("systemctl start piboothup-booth piboothup-uploader")
    box.wait_for_ready()
    box.wait_for_album()
    time.sleep(30)  # what follows a photo and a start is no rest
    box.pi.run("touch /run/rest-began")
    before = {service: _activity(box, service) for service in SERVICES}
    time.sleep(seconds)
    for service in SERVICES:
        at_s, written, wakeups = _activity(box, service)
        began_s, written_before, wakeups_before = before[service]
        spent_s = at_s - began_s
        rates = {
            name: (count - wakeups_before.get(name, 0)) / spent_s
            for name, count in sorted(wakeups.items())
            if count > wakeups_before.get(name, 0)
        }
        print(f"{service}: {written - written_before} bytes written in {spent_s:.0f} s; wake-ups a second:")
        print("  " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()))
        if written != written_before:
            print(box.pi.run(f"find {SPOOL} /etc/piboothup -newer /run/rest-began -ls; tail -n 5 {SPOOL}/boots/*"))
            raise Failure(f"the {service} writes to the card at rest")


def _activity(box: Box, service: str) -> tuple[float, int, dict[str, int]]:
    """The machine's time, bytes written, and wake-ups of each thread."""
    folder = f"/proc/{box.pid(service)}"
    threads = (
        f"for task in $(ls {folder}/task | sort -n); do sed -n '{NAME_AND_WAKEUPS}' {folder}/task/$task/status; done"
    )
    said = box.pi.run(
        f"cut -d ' ' -f 1 /proc/uptime; sed -n 's/^write_bytes: //p' {folder}/io; {threads}"
    ).splitlines()
    wakeups: dict[str, int] = {}
    for name, count in zip(said[2::2], said[3::2], strict=True):
        # A library's own threads have the name of the thread of ours that started them, and come after it.
        whose = f"{name}'s library" if name in wakeups else name
        wakeups[whose] = wakeups.get(whose, 0) + int(count)
    return float(said[0]), int(said[1]), wakeups
