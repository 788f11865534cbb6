"""The README keeps its word."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

from PIL import Image

from piboothup import config
from piboothup.booth.flow import menu
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.panel.i18n.en import TEXTS
from piboothup.booth.panel.screens import bottom_line
from piboothup.booth.panel.view import View
from piboothup.problems import codes, problem
from piboothup.setup import boot_file
from piboothup.simulator.gallery import readme_picture
from piboothup.status import UploaderState
from tests.support.commands import targets

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_screens_picture_is_the_one_the_code_makes() -> None:
    with Image.open(ROOT / "hardware" / "screens.png") as shown:
        assert readme_picture().convert("RGB").tobytes() == shown.convert("RGB").tobytes()


def test_both_commands_are_one_line_each_in_a_block_of_their_own() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [block.strip() for block in blocks if block.count("\n") == 1]
    assert any(line.endswith("piboothup demo") for line in lines)
    assert any(line.endswith("pytest -n auto") for line in lines)


def test_the_configs_in_the_docs_are_good() -> None:
    shown, on_card = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert tomllib.loads(shown)
    assert config.parse(shown, Path("README.md"))[1] == []
    for box, event in (("7F3K", "efgh5678"), ("AAAA", "abcd1234")):
        file = boot_file.read(on_card.encode(), box)
        assert (file.mistakes, file.settings["eventpics"]) == ([], {"link_id": event})


SENT_OR_WAITING = {
    "no_network": "No Wi-Fi: 12 kept",
    "wifi_off": "No Wi-Fi: 12 kept",
    "wifi_missing": "No Wi-Fi: 12 kept",
    "wifi_no_address": "No Wi-Fi: 12 kept",
    "wifi_weak": "No Wi-Fi: 12 kept",
    "portal": "Wi-Fi asks for login: use hotspot",
    "key_refused": "Key refused: 12 kept",
    "uploader_stopped": "Not sending: 12 kept",
    "paused": "Paused: 12 kept",
}
"""Problems that the bottom line tells of by how the photos travel."""
OF_STATUS_ALONE = {"photo_damaged", "photo_unreadable"}
"""Of single photos: `piboothup status` tells of them."""
OF_DOCTOR_ALONE = {
    *("system_old", "library_unfit", "account_missing", "config_missing", "booth_stopped", "service_old"),
    *("bus_missing", "bus_slow", "panel_elsewhere", "pin_taken", "queue_old", "photos_parked", "photos_lost"),
    *(
        "undervoltage_before",
        "throttled_before",
        "wifi_country",
        "wifi_hash",
        "wifi_wpa3",
        "wifi_saves_power",
        "watchdog_off",
    ),
    *("user_awaited", "network_rewritten", "groups_missing", "files_unfit", "request_stale", "old_setup"),
    *("drop_in_lost", "spool_closed", "panel_chip", "pin_busy", "wifi_band", "wifi_mask"),
}
"""Of the system under the services: `piboothup doctor` tells of them."""


def bottom_lines() -> set[str]:
    """The lines of the table."""
    (table,) = re.findall(r"\| it says \| it means \|\n\|---\|---\|\n((?:\|.*\n)+)", README)
    return {row.split("|")[1].strip() for row in table.splitlines()}


def views(waiting: int, parked: int) -> list[View]:
    """Ready, with each thing that may be told."""
    return [
        View(photos=143, waiting=waiting, parked=parked, upload_state=state, has_event=has_event, notice=notice)
        for state in UploaderState
        for has_event in (True, False)
        for notice in (None, *(problem(code) for code in codes() if code in TEXTS.notices))
    ]


def test_readme_bottom_line_table_is_what_the_panel_can_say() -> None:
    said = {bottom_line(view) for waiting in (0, 12) for parked in (0, 2) for view in views(waiting, parked)}
    assert bottom_lines() <= said
    assert {bottom_line(view) for view in views(waiting=12, parked=0)} <= bottom_lines()


def test_readme_menu_table_has_the_items_in_their_places() -> None:
    (table,) = re.findall(r"\| item \| does \|\n\|---\|---\|\n((?:\|.*\n)+)", README)
    told = [row.split("|")[1].strip() for row in table.splitlines()]
    page = "https://example.com/"
    offer = MenuOptions(None, has_code=True, languages=("en",), has_buzzer=True, set_up_url=page)
    said, first = TEXTS.menu.items, menu.main_page(offer, 0)
    shown = []
    for number, item in enumerate(first.items):
        words = said[item.text_key]
        group, _ = menu.choose(replace(first, index=number), offer, 0)
        is_group = group is not None and group.kind in (PageKind.PHOTOS, PageKind.SET_UP)
        inner = group.items[1:] if is_group and group is not None else ()
        shown += [f"{words}: {said[each.text_key]}" for each in inner] or [words]
    merged = {"Photos: Pause": "Photos: Pause, Send", "Set up: Language": "Set up: Language, Sound off"}
    assert told == [merged.get(words, words) for words in shown if words != "Set up: Sound off"]


def test_readme_names_each_headline_of_the_whole_screen() -> None:
    (told,) = re.findall(r"^If the whole screen says.*?\n\n", README, re.DOTALL | re.MULTILINE)
    named = [name.replace("\n", " ") for name in re.findall(r"\*\*(.+?)\*\*", told, re.DOTALL)]
    headlines = {each.headline for each in (*TEXTS.faults.values(), TEXTS.other_fault)}
    assert sorted(named) == sorted(headlines)


def test_readme_covers_every_problem_a_person_can_meet() -> None:
    """By a line of the table, a headline, the ready check, `status` or `doctor`: a new problem needs a place."""
    elsewhere = {
        *TEXTS.notices,
        *TEXTS.faults,
        *TEXTS.menu.reasons,
        *SENT_OR_WAITING,
        *OF_STATUS_ALONE,
        *OF_DOCTOR_ALONE,
    }
    assert set(codes()) <= elsewhere
    assert {*SENT_OR_WAITING.values(), "141 sent, 2 refused"} <= bottom_lines()
    assert "The ready check (below) says of each cross what helps." in README
    assert "`piboothup status` says in whole sentences" in README
    assert "`sudo piboothup doctor`" in README


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`piboothup ([a-z-]+)", README))
    assert named
    assert named <= targets().keys()


def test_the_top_level_holds_what_the_design_names() -> None:
    allowed = {"pyproject.toml", "piboothup", "systemd", "hardware", "tests", "README.md", "LICENSE"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    built = {"build", "piboothup.egg-info"}
    assert found - built == allowed


def build_commands() -> list[str]:
    """The commands of "Build it", one each, without the comments."""
    (block,) = re.findall(r"```sh\n(sudo apt install .*?)```", README, re.DOTALL)
    lines = block.replace("\\\n", "").splitlines()
    return [command.strip() for line in lines for command in line.partition(" #")[0].split(" && ")]


def test_a05_build_it_makes_installs_and_sets_up_the_package() -> None:
    apt = "sudo apt install --no-install-recommends"
    tools, build, install, *rest = build_commands()
    assert (tools, build) == (f"{apt} git debhelper dh-python", "systemd/package/build")
    assert install == f"{apt} ./build/piboothup_*.deb"
    services = (ROOT / "systemd/system").glob("*.service")
    units = sorted(path.stem for path in services if "\nType=notify\n" in path.read_text(encoding="utf-8"))
    assert f"sudo systemctl restart {' '.join(units)}" in rest
    assert (ROOT / build).stat().st_mode & 0o111
    lab = (ROOT / "tests/lab/package/inside").read_text(encoding="utf-8")
    assert "'/^sudo apt install/,/^```/p'" in lab


def test_a05_the_other_shell_lines_are_those_that_labs_run() -> None:
    lines = {line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()}
    (bundle,) = [line for line in lines if line.startswith("sudo piboothup support-bundle ")]
    lab = (ROOT / "tests/lab/package/inside").read_text(encoding="utf-8")
    assert "$(grep -m 1 '^sudo piboothup support-bundle ' /home/pi/piboothup/README.md)" in lab
    of_gate = [line for line in lines if line.startswith("python3 -m venv ")]
    built = re.findall(r"```sh\n(sudo apt install .*?)```", README, re.DOTALL)[0].splitlines()
    assert lines == {bundle, *of_gate, *built}


def test_a05_package_lab_runs_each_command_in_the_text() -> None:
    """Of `piboothup` what its pattern finds, of the system's own what it has word for word."""
    lab = (ROOT / "tests/lab/package/inside").read_text(encoding="utf-8")
    assert r"grep -oh '`\(sudo \)\?piboothup [^`]*`' /home/pi/piboothup/README.md" in lab
    text = README + (ROOT / "hardware/README.md").read_text(encoding="utf-8")
    codes = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    named = {code for code in codes if re.match(r"(sudo|piboothup|i2c\w+|rpicam\S+)\s", code)}
    assert not [code for code in named if "\n" in code]
    unknown = {code for code in named if not re.match(r"(sudo )?piboothup ", code)}
    assert len(unknown) >= 4
    assert [code for code in unknown if f"as_pi '{code}'" not in lab] == []


def test_a05_units_run_the_command_that_the_package_brings() -> None:
    assert (ROOT / "systemd/package/usr/bin/piboothup").stat().st_mode & 0o111
    for unit in (ROOT / "systemd/system").glob("*.service"):
        assert "ExecStart=/usr/bin/piboothup " in unit.read_text(encoding="utf-8")


def test_a05_only_the_debian_that_the_packages_are_of_is_named() -> None:
    named = re.findall(r"Debian (\d+)|\b(bullseye|bookworm|trixie|forky)\b", README, re.IGNORECASE)
    assert {word.lower() for pair in named for word in pair if word} == {"trixie", "13"}
