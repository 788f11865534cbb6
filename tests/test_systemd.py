"""The units, users and directories that put the two services on a box: systemd itself finds them clean, and they keep
what the rest of the code relies on (nothing waited for, nothing re-owned, the uploader first to give way).
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth import service
from piboothup.booth.camera.thread import FIRST_OPEN_LIMIT_NS
from piboothup.booth.operations import root_helper
from piboothup.commands import setup
from piboothup.commands.arguments import command_parser
from piboothup.config import DEFAULT_PATH
from piboothup.config.settings import DEFAULT_DIRECTORY
from piboothup.root_requests import ANSWERS, REQUESTS
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.setup import wifi_profiles
from piboothup.setup.stick import verb
from piboothup.spool.admin import stick_copy
from piboothup.uploader.transport.messages import Limits
from tests.support.deadline import PATIENCE_S

SYSTEMD = Path(__file__).parent.parent / "systemd"
SERVICES = ("booth", "uploader")
# What every service leans on by default; systemd brings them, so the tree only needs their names.
TARGETS = ("sysinit", "basic", "shutdown", "multi-user", "umount", "paths")
HELPERS = ("requests", "setup", "spool", "stick", "stick-copy@")
HELPER_UNITS = ("piboothup-requests.path", *(f"piboothup-{helper}.service" for helper in HELPERS))


def needs(program: str) -> pytest.MarkDecorator:
    """Skips, naming the program, where it is not installed."""
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed: nothing was verified"
    )


def unit(service: str, kind: str = "service") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)  # SystemCallFilter= is there thrice
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / "system" / f"piboothup-{service}.{kind}", encoding="utf-8")
    return parser


def rows(path: Path) -> list[list[str]]:
    """The fields of a sysusers.d or tmpfiles.d file, line by line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root directory with our files where a package puts them, and stubs in /usr/bin."""
    library = tmp_path / "usr/lib"
    shutil.copytree(SYSTEMD / "system", library / "systemd/system")
    shutil.copytree(SYSTEMD / "sysusers.d", library / "sysusers.d")
    shutil.copytree(SYSTEMD / "tmpfiles.d", library / "tmpfiles.d")
    for target in TARGETS:
        (library / f"systemd/system/{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    (tmp_path / "usr/bin").mkdir()
    for program in ("piboothup", "find"):
        stub = tmp_path / "usr/bin" / program
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    (tmp_path / "etc").mkdir()
    return tmp_path


def verify(tree: Path) -> subprocess.CompletedProcess[str]:
    units = [*(f"piboothup-{service}.service" for service in SERVICES), *HELPER_UNITS]
    command = ["systemd-analyze", "verify", "--man=no", f"--root={tree}", *units]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


@pytest.mark.process
@needs("systemd-analyze")
def test_units_clean_for_systemd_when_piboothup_at_usr_bin(tree: Path) -> None:
    result = verify(tree)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.process
@needs("systemd-analyze")
def test_units_rejected_by_systemd_when_piboothup_is_missing(tree: Path) -> None:
    (tree / "usr/bin/piboothup").unlink()
    assert "/usr/bin/piboothup" in verify(tree).stderr


@pytest.mark.parametrize("service", SERVICES)
class TestEachService:
    def test_unit_runs_own_command_as_own_user_in_shared_group(self, service: str) -> None:
        settings = unit(service)["Service"]
        assert settings["ExecStart"] == f"/usr/bin/piboothup {service}"
        assert (settings["User"], settings["Group"]) == (f"piboothup-{service}", "piboothup")
        assert settings["UMask"] == "0007"

    def test_unit_waits_for_no_network_time_or_other_service(self, service: str) -> None:
        dependencies = {"Requires", "Requisite", "BindsTo", "PartOf", "Upholds"}
        assert not dependencies & set(unit(service)["Unit"])
        # for the end: it is reached without a network
        assert unit(service)["Unit"].get("After") == ("network.target" if service == "uploader" else None)
        assert unit(service)["Unit"]["Wants"] == "piboothup-spool.service"
        assert not {"Before", "After"} & set(unit("spool")["Unit"])  # it starts beside them

    def test_leaves_the_shared_directories_to_tmpfiles(self, service: str) -> None:
        settings = unit(service)["Service"]
        assert not {"StateDirectory", "RuntimeDirectory", "CacheDirectory", "LogsDirectory"} & set(settings)
        assert unit(service)["Unit"]["RequiresMountsFor"] == str(DEFAULT_DIRECTORY)

    def test_starts_where_a_device_group_or_the_key_is_missing(self, service: str) -> None:
        assert not {"SupplementaryGroups", "LoadCredential"} & set(unit(service)["Service"])

    def test_c07_is_watched_and_comes_back_for_ever(self, service: str) -> None:
        settings = unit(service)["Service"]
        assert (settings["Type"], settings["Restart"]) == ("notify", "always")
        assert int(settings["WatchdogSec"]) >= 30
        assert int(settings["RestartSec"]) <= 2
        assert unit(service)["Unit"]["StartLimitIntervalSec"] == "0"

    def test_c08_is_gone_5_seconds_after_sigterm(self, service: str) -> None:
        settings = unit(service)["Service"]
        assert (settings["TimeoutStopSec"], settings["KillMode"]) == ("5", "mixed")

    def test_unit_leaves_no_core_with_key_or_photo_on_card(self, service: str) -> None:
        assert unit(service)["Service"]["LimitCORE"] == "0"

    def test_starts_at_boot(self, service: str) -> None:
        assert unit(service)["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.process
@needs("find")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files of other users")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("leftover", [".lgd-nfy0", "booth.sock", "uploader.json"])
def test_f19_what_others_left_in_run_stops_no_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, leftover: str
) -> None:
    runtime = tmp_path / "run"
    (runtime / "requests").mkdir(parents=True)
    runtime.chmod(0o3777)
    monkeypatch.chdir(runtime)  # the user may not enter the folders above
    (runtime / leftover).write_text("root's")
    for user, name in ((10001, "booth.json"), (10002, "uploader.sock")):
        (runtime / name).write_text("ours")
        os.chown(runtime / name, user, -1)

    def replace_it() -> None:
        os.seteuid(10001)
        try:
            status.replace(Path(leftover), b"ours")
        finally:
            os.seteuid(0)

    with pytest.raises(PermissionError):
        replace_it()
    command = unit(service)["Service"]["ExecStartPre"].removeprefix("-+")
    for here, there in ((SYSTEM_DIRECTORY, runtime), ("piboothup-booth", 10001), ("piboothup-uploader", 10002)):
        command = command.replace(str(here), str(there))
    subprocess.run(command.split(), check=True, timeout=PATIENCE_S)
    assert {path.name for path in runtime.iterdir()} == {"requests", "booth.json", "uploader.sock"}
    replace_it()


def test_the_booth_can_see_the_kernels_clock_state() -> None:
    assert not {"ProtectClock", "ProcSubset"} & set(unit("booth")["Service"])


def test_s21_both_services_see_the_serial_that_names_the_box() -> None:
    """Else the uploader would take the booth's photos for those of another box, and send them without their time."""
    hide = {"ProcSubset", "InaccessiblePaths", "TemporaryFileSystem", "RootDirectory", "RootImage", "BindPaths"}
    assert not hide & (set(unit("booth")["Service"]) | set(unit("uploader")["Service"]))


HIGHEST_EXPOSURE = {"booth": 2.6, "uploader": 1.5}
"""Of systemd's ten points; the units say why each of the rest is left open."""


@pytest.mark.process
@needs("systemd-analyze")
@pytest.mark.parametrize("service", SERVICES)
def test_a07_unit_leaves_little_open(service: str) -> None:
    file = SYSTEMD / "system" / f"piboothup-{service}.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    assert float(exposure) <= HIGHEST_EXPOSURE[service]


def test_a07_booth_has_no_network_uploader_no_device() -> None:
    booth, uploader = unit("booth")["Service"], unit("uploader")["Service"]
    assert (booth["PrivateNetwork"], booth["RestrictAddressFamilies"]) == ("yes", "AF_UNIX AF_NETLINK")
    assert (uploader["PrivateDevices"], uploader["DevicePolicy"]) == ("yes", "closed")
    assert uploader["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6"
    for settings in (booth, uploader):
        assert (settings["CapabilityBoundingSet"], settings["ProtectSystem"]) == ("", "strict")


@pytest.mark.parametrize("service", SERVICES)
def test_f11_unit_pins_no_folder_that_a_disk_may_cover(service: str) -> None:
    """systemd pins a writable folder to what lies there at start: a disk mounted on it later would not be seen."""
    writable = [Path(each.removeprefix("-")) for each in unit(service)["Service"]["ReadWritePaths"].split()]
    assert DEFAULT_DIRECTORY not in writable
    assert SYSTEM_DIRECTORY not in writable
    assert {DEFAULT_DIRECTORY.parent, SYSTEM_DIRECTORY.parent} <= set(writable)


def test_n02_lost_name_lookup_asks_again_while_uploader_waits() -> None:
    name, _, options = unit("uploader")["Service"]["Environment"].strip('"').partition("=")
    asks = dict(part.split(":") for part in options.split())
    assert (name, asks["timeout"]) == ("RES_OPTIONS", "1")
    assert int(asks["attempts"]) > 2
    assert int(asks["timeout"]) * int(asks["attempts"]) < Limits().connect_s


def test_f23_a_slow_start_ends_before_systemd_ends_it() -> None:
    booth, uploader = unit("booth")["Service"], unit("uploader")["Service"]
    first_import_s = FIRST_OPEN_LIMIT_NS / 1e9  # as much as the booth's own may take, which come before READY
    assert first_import_s < int(booth["TimeoutStartSec"])
    assert first_import_s + int(booth["TimeoutStartSec"]) <= int(uploader["TimeoutStartSec"])
    longest_turn_s = max(service._TURN_S, service._STARTING_TURN_S)
    assert longest_turn_s < int(booth["WatchdogSec"]) / 2  # as sd_watchdog_enabled(3) has it


def test_b03_booth_unit_may_run_a_press_before_other_work() -> None:
    settings = unit("booth")["Service"]
    assert int(settings["LimitRTPRIO"]) == 1
    assert settings["LimitRTTIME"] == "5s"
    assert "RestrictRealtime" not in settings


def test_c06_the_uploader_gives_way_to_the_booth() -> None:
    booth, uploader = unit("booth")["Service"], unit("uploader")["Service"]
    assert int(booth["OOMScoreAdjust"]) < 0 < int(uploader["OOMScoreAdjust"])
    assert int(booth["Nice"]) < 0 < int(uploader["Nice"])
    assert int(booth["CPUWeight"]) > 100 > int(uploader["CPUWeight"])


def test_unit_directories_match_code_and_are_never_cleaned() -> None:
    assert rows(SYSTEMD / "tmpfiles.d/piboothup.conf") == [
        ["d", str(DEFAULT_DIRECTORY), "2770", "root", "piboothup", "-"],
        ["d", str(SYSTEM_DIRECTORY), "3770", "root", "piboothup", "-"],
        ["d", str(SYSTEM_DIRECTORY / REQUESTS), "0700", "piboothup-booth", "piboothup", "-"],
        ["d", str(SYSTEM_DIRECTORY / ANSWERS), "2750", "root", "piboothup", "-"],
        ["d", str(SYSTEM_DIRECTORY / stick_copy.RUNTIME), "0700", "piboothup-booth", "piboothup", "-"],
        ["f", "/etc/piboothup/key", "0400", "piboothup-uploader", "piboothup", "-"],
    ]


def test_a08_root_is_started_by_the_folder_of_requests() -> None:
    path = unit("requests", "path")
    assert dict(path["Path"]) == {"DirectoryNotEmpty": str(SYSTEM_DIRECTORY / REQUESTS)}
    assert path["Install"]["WantedBy"] == "multi-user.target"
    service = unit("requests")
    assert service["Service"]["Type"] == "oneshot"
    assert "Install" not in service  # nothing but a request starts it
    assert command_parser().parse_args(service["Service"]["ExecStart"].split()[1:]).function == "setup.serve_requests"


def test_a08_a_helper_that_is_broken_is_not_started_for_ever() -> None:
    settings = unit("requests")["Unit"]
    starts, per_s = int(settings["StartLimitBurst"]), int(settings["StartLimitIntervalSec"])
    assert starts >= 10  # a person who asks again and again
    assert per_s / starts > 10  # a start of Python on a slow card, so that the limit is reached


OF_NETWORKS = {f"-{wifi_profiles.FOLDER}", "-/etc/cloud", "-/etc/modprobe.d"}
"""Where profiles are written, and what keeps them and has them joined (see `wifi_profiles.protect`)."""


def test_a07_root_helper_has_no_more_than_its_work_needs() -> None:
    settings = unit("requests")["Service"]
    assert settings["CapabilityBoundingSet"] == "CAP_DAC_OVERRIDE CAP_CHOWN CAP_NET_ADMIN"
    writable = {str(SYSTEM_DIRECTORY), str(DEFAULT_PATH.parent), f"-{setup.BOOT}", *OF_NETWORKS}
    writable.add(f"-{wifi_profiles.TRIALS.parent}")  # NetworkManager may not have made the folder for profiles yet
    assert (settings["ProtectSystem"], set(settings["ReadWritePaths"].split())) == ("strict", writable)
    assert settings["RestrictAddressFamilies"] == "AF_UNIX AF_NETLINK"


def test_a14_spool_folder_is_opened_by_root_with_little_more() -> None:
    settings = unit("spool")["Service"]
    assert command_parser().parse_args(settings["ExecStart"].split()[1:]).function == "setup.open_spool"
    assert settings["CapabilityBoundingSet"] == "CAP_SETUID CAP_SETGID"
    assert (settings["ProtectSystem"], settings["ReadWritePaths"]) == ("strict", str(setup.UNITS))
    assert (settings["PrivateNetwork"], settings["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
    assert (settings["CPUSchedulingPolicy"], settings["IOSchedulingClass"]) == ("idle", "idle")


def test_u02_the_card_is_read_by_root_with_little_more() -> None:
    settings = unit("setup")["Service"]
    assert command_parser().parse_args(settings["ExecStart"].split()[1:]).function == "setup.import_file"
    capabilities = (
        "CAP_CHOWN CAP_DAC_READ_SEARCH CAP_NET_ADMIN CAP_SETUID CAP_SETGID"  # a frame is the booth's to decode
    )
    assert settings["CapabilityBoundingSet"] == capabilities
    writable = {str(DEFAULT_PATH.parent), str(setup.BOOT), *OF_NETWORKS}
    assert (settings["ProtectSystem"], set(settings["ReadWritePaths"].split())) == ("strict", writable)
    assert settings["RestrictAddressFamilies"] == "AF_UNIX AF_NETLINK"
    assert (settings["CPUSchedulingPolicy"], settings["IOSchedulingClass"]) == ("idle", "idle")


def test_u03_a_stick_is_mounted_by_a_unit_with_little_more() -> None:
    settings = unit("stick")["Service"]
    assert command_parser().parse_args(settings["ExecStart"].split()[1:]).function == "setup.take_stick"
    capabilities = "CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_CHOWN CAP_NET_ADMIN CAP_SETUID CAP_SETGID"
    assert settings["CapabilityBoundingSet"] == capabilities
    assert (settings["PrivateMounts"], settings["DevicePolicy"], settings["DeviceAllow"]) == (
        "yes",
        "closed",
        "block-sd rw",
    )
    writable = {str(DEFAULT_PATH.parent), f"-{setup.BOOT}", *OF_NETWORKS}
    assert (settings["ProtectSystem"], set(settings["ReadWritePaths"].split())) == ("strict", writable)
    assert settings["RestrictAddressFamilies"] == "AF_UNIX AF_NETLINK"
    assert f"/run/{settings['RuntimeDirectory']}" == str(verb.RUNTIME)
    assert (settings["RuntimeDirectoryMode"], settings["RuntimeDirectoryPreserve"]) == ("0700", "yes")


def test_e4_a_stick_is_copied_to_by_a_unit_with_little_more() -> None:
    settings = unit("stick-copy@")["Service"]
    given = command_parser().parse_args(settings["ExecStart"].replace("%i", "sda1").split()[1:])
    assert (given.function, given.disk) == ("setup.copy_to_stick", "sda1")
    rights = {"SYS_ADMIN", "DAC_OVERRIDE", "CHOWN", "FOWNER", "SETUID", "SETGID"}
    assert set(settings["CapabilityBoundingSet"].split()) == {f"CAP_{right}" for right in rights}
    devices = settings["PrivateMounts"], settings["DevicePolicy"], settings["DeviceAllow"]
    assert devices == ("yes", "closed", "block-sd rw")
    writable = str(SYSTEM_DIRECTORY / stick_copy.RUNTIME)
    assert (settings["ProtectSystem"], settings["ReadWritePaths"]) == ("strict", writable)
    assert (settings["PrivateNetwork"], settings["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
    assert f"/run/{settings['RuntimeDirectory']}" == str(setup.COPY_POINTS)
    assert (settings["CPUSchedulingPolicy"], settings["IOSchedulingClass"]) == ("idle", "idle")


def test_u03_a_stick_is_taken_at_a_request_alone() -> None:
    """debhelper has each unit started that it installs, unless it is left out."""
    for name in ("stick", "stick-copy@"):
        assert not {"Install"} & set(unit(name))
        assert f"-Xpiboothup-{name}.service" in (SYSTEMD / "package/debian/rules").read_text(encoding="utf-8")
    for path in (SYSTEMD / "system").iterdir():
        found = unit(path.stem.removeprefix("piboothup-"), path.suffix.removeprefix("."))
        assert not any("stick" in value for value in found["Unit"].values()) or "-stick" in path.stem


def test_u03_a_stick_that_hangs_is_told_in_time() -> None:
    settings = unit("stick")["Service"]
    ended_s = int(settings["TimeoutStartSec"]) + 2 * int(settings["TimeoutStopSec"])
    assert ended_s < verb.TIMEOUT_S < root_helper.ANSWER_TIMEOUT_S
    assert int(unit("requests")["Service"]["TimeoutStartSec"]) > verb.TIMEOUT_S


def test_u03_the_import_delays_no_start() -> None:
    unit_of = unit("setup")["Unit"]
    assert "Before" not in unit_of
    assert unit_of["After"] == "NetworkManager.service"  # which switches the radio on
    assert unit("setup")["Service"]["Type"] == "exec"  # no target waits for its end
    assert not any("piboothup-setup" in word for each in SERVICES for word in unit(each)["Unit"].values())


@pytest.mark.process
@needs("systemd-sysusers")
def test_unit_users_share_group_only_booth_touches_devices(tree: Path) -> None:
    subprocess.run(["systemd-sysusers", f"--root={tree}"], check=True, capture_output=True, timeout=PATIENCE_S)
    groups = {fields[0]: fields for fields in _colons(tree / "etc/group")}
    users = {fields[0]: fields for fields in _colons(tree / "etc/passwd")}
    assert set(users) == {"piboothup-booth", "piboothup-uploader"}
    for user in users.values():
        assert user[3] == groups["piboothup"][2]
        assert user[6].endswith("nologin")
    members = {name: fields[3] for name, fields in groups.items() if fields[3]}
    assert members == {"gpio": "piboothup-booth", "i2c": "piboothup-booth", "video": "piboothup-booth"}


@pytest.mark.process
@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give directories to root: their making was not tried")
def test_a08_tmpfiles_makes_each_directory_for_its_users_alone(tree: Path) -> None:
    for program in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        subprocess.run([*program, f"--root={tree}"], check=True, capture_output=True, timeout=PATIENCE_S)
    group = next(int(fields[2]) for fields in _colons(tree / "etc/group") if fields[0] == "piboothup")
    booth = next(int(fields[2]) for fields in _colons(tree / "etc/passwd") if fields[0] == "piboothup-booth")
    wanted = {
        DEFAULT_DIRECTORY: (0, 0o2770),
        SYSTEM_DIRECTORY: (0, 0o3770),
        SYSTEM_DIRECTORY / REQUESTS: (booth, 0o700),
        SYSTEM_DIRECTORY / ANSWERS: (0, 0o2750),
    }
    for directory, (owner, mode) in wanted.items():
        made = (tree / directory.relative_to("/")).stat()
        assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (owner, group, mode)
    uploader = next(int(fields[2]) for fields in _colons(tree / "etc/passwd") if fields[0] == "piboothup-uploader")
    key = (tree / "etc/piboothup/key").stat()
    assert (key.st_uid, stat.S_IMODE(key.st_mode), key.st_size) == (uploader, 0o400, 0)


def _colons(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text(encoding="utf-8").splitlines()]
