"""Rules of the architecture that import contracts can't check: who may touch devices and card."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.source import PACKAGE, parsed, with_functions

DEVICE_LIBRARIES = {"picamera2", "libcamera", "gpiozero", "luma", "lgpio", "smbus2"}
DRIVERS = {
    "booth/camera/detect.py": {"picamera2", "libcamera"},
    "booth/panel/oled.py": {"luma", "smbus2"},
    "booth/gpio/pins.py": {"gpiozero", "lgpio"},
    "booth/gpio/button.py": {"gpiozero"},
    "booth/gpio/led.py": {"gpiozero"},
    "booth/gpio/buzzer.py": {"gpiozero"},
}
CHANGES = {
    *("write_text", "write_bytes", "touch", "mkdir", "rmdir", "unlink", "rename", "symlink_to", "hardlink_to"),
    *("remove", "removedirs", "renames", "makedirs", "truncate", "link", "symlink", "rmtree", "copyfile", "copy2"),
}
"""Methods of Path and functions of os and shutil that change what lies on a disk, whatever they are given."""
ALLOWED = {
    # what is not on the card: the runtime directory, an operator's stick, a developer's folder
    ("spool/admin/export_target.py", "_takes"),
    ("spool/admin/export_target.py", "__init__"),
    ("spool/admin/export_target.py", "_write"),
    ("spool/admin/export_target.py", "_name"),
    ("spool/admin/export_target.py", "drop"),
    # the I2C bus
    ("booth/panel/hello.py", "__init__"),
    # the folder that the spool lies in
    ("spool/layout_version.py", "prepare"),
}


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules of these packages by their path; of all when none is named."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not packages or name.split("/")[0] in packages:
            yield name, parsed(path)


def imported(node: ast.AST) -> list[str]:
    """The modules that this node imports, also by their names as text."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
        return [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else ["?"]
    return []


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def changes_a_disk(node: ast.AST) -> bool:
    """Whether this is a call that writes, makes, renames or deletes a file or folder."""
    if not isinstance(node, ast.Call):
        return False
    owner = (
        node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
    )
    name = _called(node)
    if owner == "durable":
        return False
    if name == "open" and owner == "os":
        return any(flag in ast.unparse(node) for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))
    if name in ("open", "fdopen"):
        return any(mode in ast.literal_eval(text) for text in _texts(node) for mode in "wax+")
    if name == "replace":  # of a path (or os.replace); text takes two words, a value takes keywords
        return owner == "os" or (len(node.args) == 1 and not node.keywords and isinstance(node.func, ast.Attribute))
    return name in CHANGES and isinstance(node.func, ast.Attribute)


def _texts(call: ast.Call) -> list[ast.Constant]:
    """What may be a mode among the arguments of an `open`."""
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    texts = [literal for literal in given if isinstance(literal, ast.Constant) and isinstance(literal.value, str)]
    return [text for text in texts if set(str(text.value)) <= set("rwaxbt+")]


def test_device_libraries_imported_only_by_drivers_on_start() -> None:
    found = [
        (name, library, within)
        for name, tree in modules()
        for node, within in with_functions(tree)
        for library in {module.split(".")[0] for module in imported(node)} & DEVICE_LIBRARIES
    ]
    assert {"picamera2", "gpiozero", "luma"} <= {library for _, library, _ in found}
    assert [use for use in found if use[1] not in DRIVERS.get(use[0], set())] == []
    assert [use for use in found if not use[2]] == []


def test_the_libraries_that_were_given_are_used() -> None:
    """They are fixed: camera and button, transport, pictures, panel, config. More may come, none may go."""
    found = {
        module.split(".")[0] for _, tree in modules() for node, _ in with_functions(tree) for module in imported(node)
    }
    assert {"picamera2", "gpiozero", "requests", "PIL", "luma", "tomli"} <= found


def test_no_package_and_no_module_is_too_large_to_be_known() -> None:
    packages = [path.parent for path in PACKAGE.rglob("__init__.py")]
    counts = {package: sum(path.name != "__init__.py" for path in package.glob("*.py")) for package in packages}
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {package.name: count for package, count in counts.items() if count > 14} == {}
    assert {path.name: count for path, count in lines.items() if count > 350} == {}


_SIMULATING = ("commands/simulation.py", "commands/services.py", "commands/overlay/__init__.py")


def test_simulator_imported_only_by_commands_and_tests_on_demand() -> None:
    found = {
        (name, bool(within))
        for name, tree in modules()
        for node, within in with_functions(tree)
        if not name.startswith("simulator/")
        and any(module.startswith("piboothup.simulator") for module in imported(node))
    }
    assert ("commands/simulation.py", True) in found
    assert found <= {(name, True) for name in _SIMULATING}


def test_only_durable_changes_what_lies_on_the_card() -> None:
    found = {
        (name, within)
        for name, tree in modules("spool", "booth", "uploader")
        for node, within in with_functions(tree)
        if name != "spool/durable.py" and changes_a_disk(node)
    }
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "path.open('wb')",
        "path.open(mode='a')",
        "open(path, 'r+b')",
        "os.fdopen(3, 'wb')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "os.rename(a, b)",
        "os.replace(a, b)",
        "path.replace(other)",
        "path.with_suffix('').unlink()",
        "shutil.rmtree(path)",
    ],
)
def test_the_check_sees_every_way_to_change_a_file(line: str) -> None:
    assert any(changes_a_disk(node) for node, _ in with_functions(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "path.open('rb')",
        "os.open(path, os.O_RDONLY)",
        "os.fdopen(3, 'rb')",
        "text.replace('a', 'b')",
        "replace(booth, state=1)",
        "moment.replace(tzinfo=UTC)",
        "durable.replace(path, content)",
        "camera.open()",
    ],
)
def test_the_check_takes_nothing_else_for_one(line: str) -> None:
    assert not any(changes_a_disk(node) for node, _ in with_functions(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["import lgpio", "from luma.oled import device", "importlib.import_module('gpiozero')"]
)
def test_the_check_sees_every_way_to_import(line: str) -> None:
    found = [module for node, _ in with_functions(ast.parse(line)) for module in imported(node)]
    assert {module.split(".")[0] for module in found} & DEVICE_LIBRARIES


def test_log_line_begins_with_words_has_value_for_each_place() -> None:
    wrong, seen = [], 0
    for name, tree in modules():
        for node, _ in with_functions(tree):
            owner = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            if not (isinstance(node, ast.Call) and isinstance(owner, ast.Name) and owner.id == "log"):
                continue
            if _called(node) not in ("debug", "info", "warning", "error", "exception"):
                continue
            seen += 1
            words, *values = node.args
            text = words.value if isinstance(words, ast.Constant) and isinstance(words.value, str) else None
            if text is None or len(re.findall(r"%[^%]", text.replace("%%", ""))) != len(values):
                wrong.append((name, node.lineno))
    assert seen > 50
    assert wrong == []


def test_every_thread_has_a_name_of_its_own() -> None:
    """A thread without one counts as a library's: when it dies the service goes on."""
    calls = [
        (name, node)
        for name, tree in modules()
        for node, _ in with_functions(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "threading.Thread"
    ]
    assert len(calls) > 10
    assert [name for name, node in calls if "name" not in {keyword.arg for keyword in node.keywords}] == []


LOG_LINE = re.compile(r"[a-z][a-z-]*( [a-z-]+)*( [a-z_]+=(%\S+|[a-z]+))*( reason=(%\S+|[a-z ]+))?")
"""Subject and verb in words, then values; a reason comes last and may have blanks."""


def test_log_lines_are_words_then_values_and_a_reason_last() -> None:
    lines = {
        ast.literal_eval(node.args[0]): name
        for name, tree in modules()
        for node, _ in with_functions(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.args
        and ast.unparse(node.func.value) == "log"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
    assert len(lines) > 70
    assert {line: name for line, name in lines.items() if not LOG_LINE.fullmatch(line)} == {}
