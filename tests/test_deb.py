"""The package: what its scripts do to the firmware's config.txt, and the settings that it lays down.

What it does to a whole system is shown by tests/lab/package.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import random
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from piboothup import config
from tests.support.deadline import PATIENCE_S

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "systemd" / "package"


def _loaded(path: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("i2c", str(path))
    spec = importlib.util.spec_from_loader("i2c", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


i2c = _loaded(PACKAGE / "usr/libexec/piboothup/i2c")
BLOCK = b"\n".join((i2c.BEGIN, b"[all]", b"dtparam=i2c_arm=on", b"dtparam=i2c_arm_baudrate=400000", i2c.END, b""))


def meaning(text: bytes, of_ours: bool = True) -> list[tuple[bytes, bytes]]:
    """Each setting with the section that it is under, as the firmware reads the file."""
    section, found, in_block = b"[all]", [], False
    for line in text.splitlines():
        in_block = (in_block or line.startswith(b"# piboothup: begin")) and line.rstrip() != i2c.END
        if line.startswith(b"["):
            section = line.rstrip()
        elif line.strip() and not line.startswith(b"#") and (of_ours or not in_block):
            found.append((section, line.rstrip()))
    return found


ON = (b"[all]", b"dtparam=i2c_arm=on")
FAST = (b"[all]", b"dtparam=i2c_arm_baudrate=400000")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"camera_auto_detect=1\n[cm4]\notg_mode=1\n", id="vendor"),
        pytest.param(b"[pi4]\narm_boost=1", id="no last newline"),
        pytest.param(b"[pi4]\r\narm_boost=1\r\n", id="edited on Windows"),
        pytest.param(b"#caf\xe9\ndtparam=i2c_arm=off\n", id="Latin-1, bus off by hand"),
    ],
)
def test_a01_bus_on_under_all_and_the_rest_means_the_same(before: bytes) -> None:
    after = i2c.switched_on(before)
    assert meaning(after) == [*meaning(before), ON, FAST]
    assert i2c.switched_on(after) == after
    assert meaning(i2c.switched_off(after)) == meaning(before)


def test_a01_lines_below_the_block_stay_below_it() -> None:
    text = b"[pi4]\narm_boost=1\n" + BLOCK + b"gpu_mem=128\n"
    assert i2c.switched_on(text) == text
    assert meaning(i2c.switched_off(text)) == [(b"[pi4]", b"arm_boost=1"), (b"[all]", b"gpu_mem=128")]


def test_a01_persons_section_right_below_the_block_stays() -> None:
    text = BLOCK + b"[all]\ngpu_mem=128\n"
    assert i2c.switched_on(text) == text


@pytest.mark.parametrize("between", [b"", b"[pi4]\narm_boost=1\n", b"gpu_mem=128\n"])
@pytest.mark.parametrize("below", [b"", b"gpu_mem=64\n", b"[pi5]\nusb_max_current_enable=1\n"])
def test_a01_doubled_block_becomes_a_single_block(between: bytes, below: bytes) -> None:
    text = BLOCK + between + BLOCK + below
    after = i2c.switched_on(text)
    assert after.count(i2c.BEGIN) == 1
    assert meaning(after, of_ours=False) == meaning(text, of_ours=False)
    assert i2c.switched_on(after) == after


@pytest.mark.parametrize("lines", range(1, 5))
def test_a01_block_that_was_cut_is_whole_again(lines: int) -> None:
    cut = b"gpu_mem=128\n" + b"\n".join(BLOCK.split(b"\n")[:lines])
    assert i2c.switched_on(cut) == b"gpu_mem=128\n" + BLOCK


def test_a01_speed_that_a_person_chose_is_kept() -> None:
    for own in (b"dtparam=i2c_arm_baudrate=100000\n", b"dtparam=i2c_arm=on,i2c_arm_baudrate=50000\n"):
        after = i2c.switched_on(own)
        assert FAST not in meaning(after)
        assert ON in meaning(after)
        assert i2c.switched_on(after) == after


def test_a01_any_file_made_of_such_lines_keeps_its_meaning() -> None:
    """Drawn at random: our lines, whole and broken, between a person's."""
    pieces = [BLOCK, i2c.BEGIN + b"\n", i2c.END + b"\n", b"[all]\n", b"[pi4]\n", b"gpu_mem=1\n", b"# said\n", b"\n"]
    lines = [line + b"\n" for line in BLOCK.splitlines()]
    pieces += [b"".join(lines[:3]), b"".join(lines[2:]), *(piece.replace(b"\n", b"\r\n") for piece in pieces)]
    ours = (ON[1], FAST[1])  # also where a cut has left them without their section
    draw = random.Random(14)
    for _ in range(4000):
        text = b"".join(draw.choices(pieces, k=draw.randrange(7)))
        text = text.removesuffix(b"\n") if draw.random() < 0.3 else text
        after = i2c.switched_on(text)
        assert i2c.switched_on(after) == after
        assert after.count(i2c.BEGIN) == 1
        own = [each for each in meaning(text) if each[1] not in ours]
        assert [each for each in meaning(after) if each[1] not in ours] == own, text
        off = i2c.switched_off(after)
        assert [each for each in meaning(off) if each[1] not in ours] == own, text
        assert i2c.BEGIN not in off


def test_a01_firmware_reads_each_of_our_lines_whole() -> None:
    assert max(len(line) for line in BLOCK.splitlines()) <= 98


def test_a01_other_computer_or_full_partition_stops_no_install(tmp_path: Path) -> None:
    path = tmp_path / "config.txt"
    assert "There is no" in i2c.main("on", path)
    path.write_bytes(b"gpu_mem=128\n")
    assert "switched on" in i2c.main("on", path)
    assert i2c.main("on", path) == ""
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "config.txt.piboothup-new").mkdir()  # nothing can be written beside it
    assert "by hand" in i2c.main("off", path)
    assert path.read_bytes() == b"gpu_mem=128\n" + BLOCK


LETTER = PACKAGE / "usr/share/piboothup/config.toml"


def test_a01_settings_laid_down_are_good_and_are_the_defaults() -> None:
    text = LETTER.read_text(encoding="utf-8")
    loaded, warnings = config.parse(text, LETTER)
    assert warnings == []
    table = tomllib.loads(text)
    assert table["eventpics"] == {"api_key_file": "/etc/piboothup/key"}
    shown = re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert shown.count("\n#") < text.count("\n#")
    assert config.parse(shown, LETTER)[0] == loaded


def test_a01_package_depends_on_what_the_code_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=!~;\[ ]", dependency)[0] for dependency in project["dependencies"]}
    brought = {"urllib3", "luma.core"}  # requests and luma.oled depend on them
    debian = {"pillow": "python3-pil"}
    wanted = {debian.get(name, f"python3-{name}") for name in names - brought}
    control = (PACKAGE / "debian/control").read_text(encoding="utf-8")
    assert "\n fonts-dejavu-core,\n" in control  # for what stands below the photos of a strip
    assert set(re.findall(r"^ (python3-[a-z0-9.-]+)", control, re.MULTILINE)) == wanted | {
        "python3-picamera2",  # apt alone has them
        "python3-lgpio",
    }


@pytest.mark.process
@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell: the maintainer scripts were not read")
def test_a01_maintainer_scripts_are_good_shell() -> None:
    for name in ("preinst", "postinst", "prerm", "postrm"):
        script = PACKAGE / "debian" / name
        subprocess.run(["sh", "-n", script], check=True, timeout=PATIENCE_S)
        assert "#DEBHELPER#" in script.read_text(encoding="utf-8").splitlines()


@pytest.mark.process
@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell: the maintainer scripts were not read")
@pytest.mark.parametrize("before", ["nothing", "an older one", "a folder in the way", "no boot partition"])
def test_a01_set_up_page_lies_on_the_boot_partition(tmp_path: Path, before: str) -> None:
    """Its lines of postinst, with the paths of a box in a folder."""
    script = (PACKAGE / "debian/postinst").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^  page=/boot/firmware/.*?^  fi$", script, re.MULTILINE | re.DOTALL)
    boot, page = tmp_path / "boot", ROOT / "piboothup/setup/page.html"
    if before != "no boot partition":
        boot.mkdir()
    if before == "an older one":
        (boot / "piboothup.html").write_text("older")
    if before == "a folder in the way":
        (boot / "piboothup.html.new").mkdir()
    lines = lines.replace("/boot/firmware", str(boot)).replace("/usr/lib/python3/dist-packages", str(ROOT))
    done = subprocess.run(["sh", "-ec", lines], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    laid_down = [path.name for path in boot.iterdir()] if boot.exists() else []
    if before in ("nothing", "an older one"):
        assert (laid_down, done.stdout) == (["piboothup.html"], "")
        assert (boot / "piboothup.html").read_bytes() == page.read_bytes()
    else:
        assert "piboothup.html" not in laid_down
        assert ("no room" in done.stdout) == (before == "a folder in the way")


@pytest.mark.process
def test_a01_journal_on_the_card_wins_over_the_vendor(tmp_path: Path) -> None:
    """`systemd-analyze` merges the drop-ins of a folder that stands for a Pi's root, as journald itself does."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("SKIPPED: systemd-analyze is not here")
    drop_ins = tmp_path / "usr/lib/systemd/journald.conf.d"
    shutil.copytree(PACKAGE / "usr/lib/systemd/journald.conf.d", drop_ins)
    vendors = "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\nSystemMaxUse=1G\n"
    for name in ("40-rpi-volatile-storage.conf", "10-any.conf"):
        (drop_ins / name).write_text(vendors)
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (tmp_path / "etc/systemd/journald.conf").write_text("[Journal]\nStorage=auto\n")
    done = subprocess.run(
        ["systemd-analyze", f"--root={tmp_path}", "cat-config", "systemd/journald.conf"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    in_force = dict(re.findall(r"^(\w+)=(.*)$", done.stdout, re.MULTILINE))  # the last one counts
    assert (in_force["Storage"], in_force["SystemMaxUse"], in_force["SystemMaxFileSize"]) == (
        "persistent",
        "16M",
        "2M",
    )


@pytest.mark.process
def test_a01_a_later_commit_of_the_same_second_is_newer(tmp_path: Path) -> None:
    """What makes the file is played, as it is Debian's: only the version in its name counts here."""
    clone, tools = tmp_path / "clone", tmp_path / "tools"
    tools.mkdir()
    for name, does in (("dpkg-buildpackage", "touch ../piboothup_made_all.deb"), ("dh", ":"), ("dh_python3", ":")):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    shutil.copytree(PACKAGE / "debian", clone / "systemd/package/debian")
    shutil.copy(PACKAGE / "build", clone / "systemd/package/build")
    (clone / "piboothup").mkdir()
    (clone / "piboothup/__init__.py").write_text('__version__ = "0.1.0"\n')
    path = f"{tools}:{os.environ['PATH']}"
    who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def run(*words: str, at: str = "") -> str:
        settings = {**os.environ, **who, "PATH": path, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(words, cwd=clone, env=settings, capture_output=True, timeout=PATIENCE_S, check=True)
        return done.stdout.decode().strip()

    run("git", "init", "-q")
    run("git", "add", ".")
    versions: list[str] = []
    for second in (1, 2, 2, 2, 3):
        run("git", "commit", "-q", "--allow-empty", "-m", str(len(versions)), at=f"2026-11-29T11:00:0{second}Z")
        made = Path(run("systemd/package/build"))
        versions.append(made.name.split("_")[1])
        assert made.name == f"piboothup_{versions[-1]}_all.deb"
    numbers = [int(re.fullmatch(r"0\.1\.0\+git(\d+)\.[0-9a-f]{8}", version)[1]) for version in versions]  # type: ignore[index]
    assert numbers == sorted(set(numbers)), versions  # so dpkg compares them, up to the dot
