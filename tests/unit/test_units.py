"""User services: what systemd and launchd read is what was meant, whatever stands in a path."""

from __future__ import annotations

import configparser
import os
import plistlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos import settings as all_settings
from sos.model.errors import Conflict, EphemeralInterpreter, HomeDamaged, RuntimeConfigError
from sos.settings import Settings
from sos.wiring import units
from sos.wiring.units import Unit
from tests import tools

NAMES = ["plain", "with space", "100%h", "$HOME", "${HOME}", "it's", 'say "x"', "back\\slash", "ünï", "a;b", "#no", "%%", "$$"]


def unit(home: str = "/there", *words: str, every: int | None = 900, program: str = sys.executable) -> Unit:
    argv = (program, *words)
    return Unit(name="sos-try", description="a try", argv=argv, environment={"SOS_HOME": home}, every=every)


def words(line: str) -> list[str]:
    """The words of a line as systemd.syntax(7) reads them: all of ours are in double quotes."""
    found, word, place = [], "", 0
    while place < len(line):
        assert line[place] == '"'
        place += 1
        while line[place] != '"':
            place += line[place] == "\\"
            word += line[place]
            place += 1
        found.append(word)
        word, place = "", place + 2
    return found


def parsed(text: str) -> configparser.ConfigParser:
    made = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    made.optionxform = str  # type: ignore[assignment,method-assign]  # names of settings have capitals
    made.read_string(text)
    return made


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=20)


@given(PRINTABLE, st.lists(PRINTABLE, max_size=4))
def test_every_word_comes_back_as_it_was(home: str, given_words: list[str]) -> None:
    if not all(word.isprintable() for word in (home, *given_words)):
        return
    service = parsed(units.systemd(unit(f"/{home}", *given_words))["sos-try.service"])["Service"]
    program, *arguments = words(service["ExecStart"])
    assert program.replace("%%", "%") == sys.executable
    assert [each.replace("$$", "$").replace("%%", "%") for each in arguments] == given_words
    # What systemd would put in the place of, is not there.
    assert all("%" not in each.replace("%%", "") and "$" not in each.replace("$$", "") for each in arguments)
    assert [each.replace("%%", "%") for each in words(service["Environment"])] == [f"SOS_HOME=/{home}"]
    agent = plistlib.loads(units.launchd(unit(f"/{home}", *given_words)))
    assert (agent["ProgramArguments"], agent["EnvironmentVariables"]) == (
        [sys.executable, *given_words],
        {"SOS_HOME": f"/{home}"},
    )


@pytest.mark.parametrize("bad", ["new\nline", "tab\there", "nul\0", "\x1b[31m", "half\udc80"])
def test_what_no_unit_can_carry_is_refused(bad: str) -> None:
    with pytest.raises(RuntimeConfigError):
        units.systemd(unit(f"/{bad}"))
    with pytest.raises(RuntimeConfigError):
        units.systemd(unit("/there", bad))


@pytest.mark.parametrize("program", ["/it's/python", '/"/python', "/a\\b/python"])
def test_a_program_that_systemd_would_not_start_is_refused(program: str) -> None:
    with pytest.raises(RuntimeConfigError):
        units.systemd(unit(program=program))


def verify(folder: Path) -> str:
    """What systemd itself says of the units in a folder."""
    place = folder / "runtime"
    place.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        [tools.find("systemd-analyze"), "verify", "--user", *map(str, folder.glob("sos-try.*"))],
        env={**os.environ, "XDG_RUNTIME_DIR": str(place)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr.strip() if done.returncode else ""


@pytest.mark.parametrize("every", [900, None])
@pytest.mark.parametrize("name", NAMES)
def test_systemd_itself_finds_no_fault(tmp_path: Path, name: str, every: int | None) -> None:
    quotes = any(character in name for character in "\"'\\")
    program = tmp_path / ("programs" if quotes else name) / "python"  # systemd says whether it finds it
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    made = units.systemd(unit(f"/{name}", "-c", name, every=every, program=str(program)))
    assert set(made) == ({"sos-try.service", "sos-try.timer"} if every else {"sos-try.service"})
    for file, text in made.items():
        (tmp_path / file).write_text(text)
    assert verify(tmp_path) == ""
    (tmp_path / "sos-try.service").write_text(made["sos-try.service"].replace("/python", "/nothing"))
    assert "python" not in verify(tmp_path)
    assert "/nothing is not executable" in verify(tmp_path)


def test_a_service_runs_all_the_time_and_a_timer_every_so_often() -> None:
    service = parsed(units.systemd(unit(every=None))["sos-try.service"])
    assert (service["Service"]["Restart"], service["Install"]["WantedBy"]) == ("on-failure", "default.target")
    both = units.systemd(unit(every=900))
    assert parsed(both["sos-try.service"])["Service"]["Type"] == "oneshot"
    timer = parsed(both["sos-try.timer"])
    assert (timer["Timer"]["OnUnitActiveSec"], timer["Install"]["WantedBy"]) == ("900", "timers.target")
    assert plistlib.loads(units.launchd(unit(every=900)))["StartInterval"] == 900
    assert plistlib.loads(units.launchd(unit(every=None)))["KeepAlive"] == {"SuccessfulExit": False}


# --- installing -----------------------------------------------------------------------------------------------------

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "{said}"
[ -e "{folder}/no-bus" ] && {{ echo "Failed to connect to bus: No medium found" >&2; exit 1; }}
case "$2" in is-active) [ -e "{folder}/down" ] && {{ echo inactive; exit 3; }}; echo active ;; esac
exit 0
"""


class Machine:
    """A machine whose systemctl writes down what it is asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.said = folder / "said"
        program = folder / "systemctl"
        program.write_text(SYSTEMCTL.format(said=self.said, folder=folder))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(sys, "platform", "linux")
        self.settings: Settings = all_settings.load()
        self.units = Path(self.settings.config_home) / "systemd" / "user"

    def asked(self) -> list[str]:
        return [line.removeprefix("--user ") for line in self.said.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(("every", "active"), [(900, "sos-try.timer"), (None, "sos-try.service")])
def test_installed_is_written_and_started_and_uninstalled_leaves_nothing(
    machine: Machine, every: int | None, active: str
) -> None:
    found = units.install(machine.settings, unit(every=every))
    assert (found.installed, found.running, found.problem) == (True, True, "")
    assert machine.asked() == ["daemon-reload", f"enable {active}", f"restart {active}", f"is-active {active}"]
    assert units.install(machine.settings, unit(every=every)).running  # again, as after an upgrade
    units.uninstall(machine.settings, "sos-try")
    assert machine.asked()[-2:] == [f"disable --now {active}", "daemon-reload"]
    assert list(machine.units.iterdir()) == []
    assert units.uninstall(machine.settings, "sos-try").problem == ""


def test_without_a_bus_it_is_written_and_never_called_running(machine: Machine) -> None:
    (machine.folder / "no-bus").touch()
    found = units.install(machine.settings, unit("/o'home", "-m", "sos"))
    assert (found.installed, found.running) == (True, False)
    assert "Failed to connect to bus" in found.problem
    assert "systemctl --user daemon-reload && systemctl --user enable sos-try.timer && " in found.next_step
    line = found.next_step.partition("with the line: ")[2].removesuffix(")")
    assert line == f"*/15 * * * * SOS_HOME='/o'\\''home' {sys.executable} -m sos >/dev/null"
    assert units.state(machine.settings, "sos-try").running is False
    left = units.uninstall(machine.settings, "sos-try")
    assert "systemctl --user disable --now sos-try.timer" in left.next_step
    assert list(machine.units.iterdir()) == []


def test_what_was_started_and_does_not_run_is_not_called_running(machine: Machine) -> None:
    (machine.folder / "down").touch()
    found = units.install(machine.settings, unit())
    assert (found.installed, found.running) == (True, False)
    assert found.problem.endswith("inactive")
    assert found.next_step


def test_without_systemd_nothing_is_written(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.folder / "nowhere"))
    found = units.install(machine.settings, unit("/100%"))
    assert (found.installed, found.running) == (False, False)
    assert "SOS_HOME='/100\\%'" in found.next_step
    assert not machine.units.exists()
    assert units.install(machine.settings, unit(every=None)).next_step.startswith("nohup env SOS_HOME=")


def test_what_was_written_is_removed_also_where_systemd_is_gone(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    units.install(machine.settings, unit())
    monkeypatch.setenv("PATH", str(machine.folder / "nowhere"))
    assert units.uninstall(machine.settings, "sos-try").problem.startswith("systemctl: ")
    assert list(machine.units.iterdir()) == []


def test_what_is_not_ours_or_for_another_home_stays(machine: Machine) -> None:
    machine.units.mkdir(parents=True)
    path = machine.units / "sos-try.service"
    path.write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(Conflict):
        units.install(machine.settings, unit())
    with pytest.raises(Conflict):
        units.uninstall(machine.settings, "sos-try")
    path.unlink()
    units.install(machine.settings, unit("/one"))
    with pytest.raises(Conflict):
        units.install(machine.settings, unit("/two"))
    assert "SOS_HOME=/one" in path.read_text()


@pytest.mark.timeout(20)
def test_a_pipe_in_its_place_is_refused_and_not_waited_for(machine: Machine) -> None:
    machine.units.mkdir(parents=True)
    path = machine.units / "sos-try.service"
    os.mkfifo(path)
    with pytest.raises(HomeDamaged, match="no regular file") as refused:
        units.install(machine.settings, unit())
    assert str(path) in refused.value.next_step
    with pytest.raises(HomeDamaged, match="no regular file"):
        units.uninstall(machine.settings, "sos-try")


def test_a_temporary_python_is_refused(machine: Machine) -> None:
    with pytest.raises(EphemeralInterpreter):
        units.install(machine.settings, unit(program="/x/.cache/uv/environments/bin/python"))


def test_on_macos_it_is_a_launchd_agent(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    launchctl = machine.folder / "launchctl"
    (machine.folder / "systemctl").rename(launchctl)
    monkeypatch.setattr(sys, "platform", "darwin")
    found = units.install(machine.settings, unit("/a&b"))
    assert found.running
    assert found.path == f"{machine.settings.user_home}/Library/LaunchAgents/sos-lifeline.sos-try.plist"
    domain = f"gui/{os.getuid()}"
    assert machine.said.read_text().splitlines() == [
        f"bootout {domain}/sos-lifeline.sos-try", f"bootstrap {domain} {found.path}", f"print {domain}/sos-lifeline.sos-try"
    ]  # fmt: skip
    with pytest.raises(Conflict):
        units.install(machine.settings, unit("/other"))
    units.install(machine.settings, unit("/a&b"))
    units.uninstall(machine.settings, "sos-try")
    assert not os.path.exists(found.path)
