"""`piboothup setup`: root's helper, started by its units, and what the file on the card was answered."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from subprocess import SubprocessError

from piboothup import status
from piboothup.clock import SystemClock
from piboothup.commands.common import OK, CommandFails
from piboothup.root_requests import STICK, WifiResult
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.setup import request_reader
from piboothup.setup.errors import KeepsNothing, Refused
from piboothup.setup.request_reader import VERBS, Verb
from piboothup.status import UploaderState
from piboothup.text import Count

UNITS = Path("/etc/systemd/system")
BOOT = Path("/boot/firmware")
ETC = Path("/etc/piboothup")
COPY_POINTS = Path("/run/piboothup-stick-copy")
"""Folder of the copying unit's alone."""
_LOOKS, _LOOK_S = 30, 3.0
"""How often address and uploader are looked for, and every how many seconds, before the answer goes without."""
_STICK_RADIO_S, _STICK_FRAME_S = 12.0, 9.0
"""Limits of the radio's commands and of a frame's check for a stick, whose unit has 25 s."""
log = logging.getLogger(__name__)


def serve_requests(_given: argparse.Namespace) -> int:
    """Do what the booth requested."""
    booth = _begin("do what the booth requested")
    try:
        request_reader.serve(SYSTEM_DIRECTORY, booth.pw_uid, SystemClock(), _verbs())
    except OSError as error:
        reason = error.strerror or error
        raise CommandFails(f"{SYSTEM_DIRECTORY} can't be used ({reason}): sudo systemd-tmpfiles --create") from None
    return OK


def _verbs() -> Mapping[str, Verb]:
    """All verbs; what those on codes and networks need is loaded when one is asked for."""

    def on_box(name: str) -> Verb:
        def do(values: Mapping[str, object]) -> str | None:
            from piboothup.setup import code_import, import_steps, radio
            from piboothup.spool.admin import users

            try:
                uploader = pwd.getpwnam(users.UPLOADER)
            except KeyError:
                raise Refused(f"no user {users.UPLOADER}") from None
            box = import_steps.Box(_box_id(), BOOT, key_owner=(uploader.pw_uid, uploader.pw_gid))
            return code_import.VERBS[name](values, box, radio.Radio(radio.LIMIT_S))

        return do

    return {**VERBS, **{name: on_box(name) for name in ("settings", "count-networks", "forget-networks")}}


def take_stick(_given: argparse.Namespace) -> int:
    """Take what a stick's file says, answer beside it, and leave the result for the verb."""
    from piboothup.setup import code_import, frame, import_steps, radio
    from piboothup.setup.stick import file, verb
    from piboothup.spool.admin import users

    def judge(content: bytes) -> frame.Verdict:
        booth = pwd.getpwnam(users.BOOTH)
        return frame.judged(content, booth.pw_uid, booth.pw_gid, _STICK_FRAME_S)

    uploader = _begin("take what a stick says", users.UPLOADER)
    box = import_steps.Box(_box_id(), BOOT, key_owner=(uploader.pw_uid, uploader.pw_gid))
    point = verb.RUNTIME / "disk"
    try:
        point.mkdir(exist_ok=True)
        hurried = radio.Radio(_STICK_RADIO_S)
        with code_import.exclusive(box):
            try:
                code_import.take_older(box, hurried.put_in_force)
                result: str = file.take(
                    box, STICK, point, lambda: _situation(radio.addresses()), hurried.put_in_force, judge
                )
            except KeepsNothing as why:
                log.warning("stick not taken reason=%s", why)
                result = why.detail
        (verb.RUNTIME / verb.RESULT).write_text(result)
    except OSError as error:
        raise CommandFails(f"The stick's file can't be taken ({error.strerror or error}).") from None
    return OK


def copy_to_stick(given: argparse.Namespace) -> int:
    """Copy the photos of the booth's job to a stick, in this mount namespace."""
    from piboothup import config
    from piboothup.records import replace
    from piboothup.setup.stick import copying
    from piboothup.spool.admin import stick_copy
    from piboothup.spool.store import Spool

    booth = _begin("copy photos to a stick")
    folder, process = stick_copy.CopyFolder(SYSTEM_DIRECTORY), os.getpid()
    point = COPY_POINTS / given.disk

    def work(target: Path) -> stick_copy.CopyState:
        settings = config.load_effective(config.DEFAULT_PATH, _box_id()).config
        spool = Spool(Path(settings.spool.path), SystemClock())
        zone = config.zone(settings.timezone)
        return stick_copy.run(spool, folder.job(), target, folder, settings.name, zone, process)

    def tell(state: stick_copy.CopyState) -> None:
        job, report = folder.job(), folder.report()
        if report is None or report.asked_ns != job.asked_ns:
            report = stick_copy.CopyReport(job.asked_ns, job.key, job.uuid, job.link_id)
        folder.tell(replace(report, state=state, left_s=None))

    if not copying.is_name(given.disk):
        raise CommandFails(f"{given.disk} is no stick that is plugged in and not used.")
    try:
        point.mkdir(exist_ok=True)
        copying.copy(given.disk, point, (booth.pw_uid, booth.pw_gid), work, tell)
    except OSError as error:
        raise CommandFails(f"Nothing can be copied to the stick ({error.strerror or error}).") from None
    return OK


def open_spool(_given: argparse.Namespace) -> int:
    """Let both services write where the config, and links, lead the photos."""
    from piboothup import config
    from piboothup.setup import spool_folder
    from piboothup.spool.admin import users

    booth = _begin("open a folder to the services")

    def photos() -> PurePath:
        with users.acting_as(booth.pw_uid, booth.pw_gid):
            return spool_folder.real_path(config.load_effective(config.DEFAULT_PATH, _box_id()).config.spool.path)

    refused, done = None, None
    while (target := photos()) != done:  # a restart for what changed meanwhile has not started this again
        refused, folder, done = None, None, target
        try:
            folder = spool_folder.to_open(target)
        except Refused as why:
            refused = why
        try:
            if spool_folder.set_open(folder, UNITS):
                log.warning("units changed open=%s", folder or "nothing more")
                spool_folder.put_in_force()
        except (OSError, SubprocessError) as error:
            raise CommandFails(f"{target} can't be opened to the services: {error}") from None
    if refused:
        remedy = "name a folder in /srv, /mnt, /media or /var/lib in [spool] directory"
        raise CommandFails(f"The services can't save photos in {str(target)!a} ({refused}): {remedy}.")
    return OK


def import_file(_given: argparse.Namespace) -> int:
    """Take what a cut has left of a code, then what the file on the card says if it is new, and answer beside it."""
    from piboothup.setup import boot_answer, boot_import, code_import, frame, import_steps, radio
    from piboothup.setup.boot_text import names_in
    from piboothup.spool.admin import users

    uploader = _begin("take what the card says", users.UPLOADER)
    box = import_steps.Box(_box_id(), BOOT, key_owner=(uploader.pw_uid, uploader.pw_gid))
    try:
        with code_import.exclusive(box) as unlocked:
            put_in_force = unlocked(radio.put_in_force)
            code_import.finish(box, put_in_force)
            done = boot_import.run(box, put_in_force)
            booth, verdicts = pwd.getpwnam(users.BOOTH), list[frame.Verdict]()

            def judge(content: bytes) -> frame.Verdict:
                unlocked(lambda _: verdicts.append(frame.judged(content, booth.pw_uid, booth.pw_gid)))("")
                return verdicts[-1]

            done = frame.run(box, done, judge, lambda: boot_import.run(box, put_in_force, again=True))
        if done is None and not any((BOOT / name).is_file() for name in names_in(BOOT)):
            return OK
    except OSError as error:
        reason = error.strerror or error
        raise CommandFails(
            f"The file on the card can't be taken ({reason}); it is tried at the next start."
        ) from None
    looks = iter(range(_LOOKS))
    while not (found := radio.addresses()) and next(looks, None) is not None:
        threading.Event().wait(_LOOK_S)
    while status.read_uploader(SYSTEM_DIRECTORY) is None and next(looks, None) is not None:
        threading.Event().wait(_LOOK_S)
    now = tuple(_situation(found))
    if done is None:
        boot_answer.renew_answer(box.boot, box.id, now)
    else:
        boot_answer.answer(box.boot, box.id, done, now)
    return OK


def _situation(addresses: list[str]) -> Iterator[str]:
    """How the box is, for the answer."""
    yield f"Network: {', '.join(addresses) or 'none yet'}"
    uploader = status.read_uploader(SYSTEM_DIRECTORY)
    if uploader is not None:
        if uploader.wifi.reason:
            yield f"Wi-Fi: {uploader.wifi.reason}"
        yield f"Photos waiting: {uploader.waiting}"
        if "no_event" in uploader.problems:
            yield "Some have no event. Choose it in the menu, which asks whether they go along."


def _box_id() -> str:
    from piboothup.spool.names import box_id, hardware_serial

    return box_id(hardware_serial())


def show_answer(_given: argparse.Namespace) -> int:
    """Print what the file on the card was answered."""
    from piboothup.setup.boot_answer import ANSWER
    from piboothup.setup.boot_text import NAME

    try:
        print((BOOT / ANSWER).read_text(encoding="utf-8"), end="")
    except FileNotFoundError:
        print(f"No {NAME} was read yet: put it in {BOOT}, which is the card's drive on any computer.")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFails(f"{BOOT / ANSWER} can't be read: {getattr(error, 'strerror', None) or error}.") from None
    return OK


def show_networks(given: argparse.Namespace) -> int:
    """Print the networks that the box was given, or forget one."""
    from piboothup.setup import radio, wifi_profiles

    _need_root("see the networks")
    folder = wifi_profiles.FOLDER
    try:
        if given.forget is not None:
            is_known = wifi_profiles.forget_results(ETC, [given.forget])
            if not wifi_profiles.forget(given.forget, folder) and not is_known:
                raise CommandFails("The box was given no network of this name: `piboothup setup wifi` lists them.")
            radio.Radio().reload()
        elif given.forget_codes:
            wifi_profiles.forget_results(ETC, wifi_profiles.of_codes(ETC, folder))
            if wifi_profiles.forget_all(folder, by_code=True):
                radio.Radio().reload()
        ours, others = wifi_profiles.ours(folder), wifi_profiles.others(folder)
        results = wifi_profiles.results(ETC)
    except OSError as error:
        raise CommandFails(f"{folder} can't be used: {error.strerror or error}.") from None
    for network in ours:
        traits = ["with a password" if network.has_password else "open", *(["hidden"] if network.is_hidden else [])]
        source = "of a code" if network.is_by_code else "of the file on the card"
        print(f"{network.ssid}: {', '.join(traits)}, priority {network.priority}, {source}")
        print(*_troubles(network.ssid, results.pop(network.ssid, None)), sep="", end="")
    for ssid, result in results.items():
        print(f"{ssid}: of a code, not kept")
        print(*_troubles(ssid, result), sep="", end="")
    print(
        f"{others} {Count(others):network|networks} of others, which {Count(others):stays as it is|stay as they are}"
    )
    for line in _situation(radio.addresses()):
        print(line)
    return OK


def _troubles(ssid: str, result: WifiResult | None) -> Iterator[str]:
    """Lines on what went wrong last with a network; `result`: of its code. None for one that is joined."""
    from piboothup.booth.panel.i18n import texts
    from piboothup.setup import radio, wifi_profiles

    tuner, sentences = radio.Radio(), texts("en").menu.results
    report = status.read_uploader(SYSTEM_DIRECTORY)
    if tuner.in_use() == wifi_profiles.uuid_of(ssid):
        is_portal = report is not None and report.state is UploaderState.PORTAL and report.wifi.ssid == ssid
        result, now = None, "portal" if is_portal else None
    else:
        now = tuner.why_not(ssid)
    for when, what in (("When its code was read", result), ("Now", now)):
        if what is not None and (what, when) != (now, "When its code was read"):
            yield f"  {when}: {sentences[f'wifi_{what}'].format(title=ssid)}\n"


def _need_root(work: str) -> None:
    """Raises CommandFails for anybody else."""
    if os.geteuid() != 0:
        raise CommandFails(f"Only root may {work}: run it with sudo.")


def _begin(work: str, user: str = "") -> pwd.struct_passwd:
    """Begin the log; the user whose part it is, else the booth's. Raises CommandFails."""
    from piboothup.spool.admin import users

    user = user or users.BOOTH
    if os.geteuid() != 0:
        raise CommandFails(f"Only root may {work}: its unit runs this.")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise CommandFails(f"This computer has no user {user}: sudo systemd-sysusers") from None
