"""`sos-rescue` on a machine without Python: what it calls broken, the guide that it prints, and what it reads as JSON."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sos.cli import COMMANDS
from sos.recovery import dialects, disk, guide, rescue
from tests import tools
from tests.configs import CONFIGS
from tests.rescuing import ROOMY, SHELLS, Box, box, broken, inside
from tests.shell import Shell

pytestmark = pytest.mark.promise("RESCUE-001")

GIB = 1 << 20
SOUND = [each.data for each in CONFIGS if each.dialect == "json"]


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.full) if each == "busybox sh" else each for each in SHELLS])
def bare(request: pytest.FixtureRequest, shell: Shell, tmp_path: Path) -> Box:
    """A box in the home of two agents, one of them connected."""
    return box(request.param, shell, tmp_path)


@pytest.fixture
def dash(shell: Shell, tmp_path: Path) -> Box:
    return box("dash", shell, tmp_path)


@pytest.fixture
def busybox(shell: Shell, tmp_path: Path) -> Box:
    return box("busybox alone", shell, tmp_path)


def everything(place: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(place.rglob("*"))}


def test_a_sound_machine_is_well_and_nothing_is_written_or_given_away(bare: Box) -> None:
    (bare.home / ".claude.json").write_bytes(SOUND[0])
    secrets = [path.read_text().strip() for path in bare.root.rglob("token.*")]
    assert len(secrets) == 9
    before = everything(bare.home)
    ran = bare.run("check")
    assert (ran.code, ran.err, broken(ran)) == (0, "", []), ran
    assert [line for line in ran.out.splitlines() if line[0] != " "][:4] == [
        "1. The machine",
        "2. The runtime",
        "3. The inbox",
        "4. Identity and tokens",
    ]
    assert f"{bare.home}/.claude.json parses" in ran.out
    assert "bb: identity and three tokens are there, and private" in ran.out
    assert not any(secret in ran.out for secret in secrets)
    assert everything(bare.home) == before


def test_without_a_word_the_guide_follows_the_check(bare: Box) -> None:
    bare.extra["SOS_AGENT"] = "bb"
    ran = bare.run()
    assert ran.code == 0
    assert ran.out.startswith("1. The machine")
    assert ran.out.endswith((bare.root / "agents/bb/RECOVERY.md").read_text())


def launcher(change: Callable[[str], str]) -> Callable[[Box], None]:
    def act(box: Box) -> None:
        path = box.root / "bin/sos-hook"
        path.write_text(change(path.read_text()))

    return act


def hook_without_rest(box: Box) -> None:
    path = box.home / ".claude/skills/sos/hooks/hooks.json"
    path.write_bytes(path.read_bytes()[:-9])


def away(name: str) -> Callable[[Box], None]:
    def act(box: Box) -> None:
        (box.home / name).rename(box.home / "away")

    return act


def holds(name: str, data: bytes) -> Callable[[Box], None]:
    def act(box: Box) -> None:
        (box.home / name).write_bytes(data)

    return act


def mode(name: str, bits: int) -> Callable[[Box], None]:
    return lambda box: (box.home / name).chmod(bits)


def linked(name: str) -> Callable[[Box], None]:
    def act(box: Box) -> None:
        (box.home / name).rename(box.home / "away")
        (box.home / name).symlink_to(box.home / "away")

    return act


def later(box: Box) -> None:
    os.utime(box.root / "sos.db", (time.time() + 86400,) * 2)


def file_for_folder(box: Box) -> None:
    (box.root / "agents").rename(box.home / "away")
    (box.root / "agents").touch()


WAYS: dict[str, tuple[Callable[[Box], object], int, str]] = {
    "a full disk": (lambda box: box.disk("d 100000000 97000000 3000000 97% /"), 1, "97 % of its space is used"),
    "no inodes": (lambda box: box.disk(ROOMY, "d 1000 990 10 99% /"), 1, "99 % of its inodes are used, 10 left"),
    "no temporary directory": (lambda box: box.extra.update(TMPDIR="/nowhere"), 1, "/nowhere is not there"),
    "a clock of 1970": (lambda box: box.replace("date", "echo 86400"), 1, "before this program was written"),
    "a clock that went back": (later, 1, "sos.db was written later"),
    "no Python": (launcher(lambda text: re.sub('p=".*"', 'p="/nowhere/python"', text)), 2, "/nowhere/python is gone"),
    "no package": (launcher(lambda text: text.replace("boot.py", "gone.py")), 2, "gone.py is gone"),
    "another launcher": (launcher(lambda text: "exit 0\n"), 2, "is not what sos connect wrote"),
    "no plugin": (away(".claude/skills/sos"), 2, "hooks.json is not there"),
    "no hooks of Codex": (holds(".sos/agents/bb/runtimes", b"codex\n"), 2, ".codex/hooks.json is not there: Codex has no hook"),
    "no hooks": (away(".claude/skills/sos/hooks/hooks.json"), 2, "hooks.json is not there"),
    "hooks cut off": (hook_without_rest, 2, "hooks.json looks broken: somewhere inside it is no JSON"),
    "a state cut off": (holds(".claude.json", SOUND[0][:700]), 2, ".claude.json looks broken: it ends in the middle"),
    "empty settings": (holds(".claude/settings.json", b" \n"), 2, "settings.json looks broken: it is empty"),
    "settings of zeros": (holds(".claude/settings.json", b'{"a": 1}' + bytes(4088)), 2, "it holds NUL bytes"),
    "a comma too many": (holds(".claude/settings.json", b'{"a": 1,}'), 2, "a comma too many"),
    "settings of a project": (holds(".mcp.json", b"<<<<<<< ours\n{}"), 2, "it does not begin as JSON does"),
    "a link to nowhere": (lambda box: (box.home / ".claude.json").symlink_to("nowhere"), 2, "a link that leads nowhere"),
    "a pipe": (lambda box: os.mkfifo(box.home / ".claude.json"), 2, "it is no regular file"),
    "no store": (away(".sos/sos.db"), 3, "sos.db is gone"),
    "an empty store": (holds(".sos/sos.db", b""), 3, "sos.db is empty; do not open it"),
    "no database": (holds(".sos/sos.db", b"SQLite format 2\0" * 9), 3, "sos.db is no database"),
    "a file for all agents": (file_for_folder, 4, "agents is no directory"),
    "no identity": (away(".sos/agents/aa/agent.toml"), 4, "aa/agent.toml is not there"),
    "another's identity": (
        lambda box: (box.root / "agents/aa/agent.toml").write_bytes((box.root / "agents/bb/agent.toml").read_bytes()),
        4,
        "is not the identity of aa",
    ),
    "a token lost": (away(".sos/agents/aa/token.bus"), 4, "aa/token.bus is not there"),
    "an empty token": (holds(".sos/agents/aa/token.squad", b""), 4, "aa/token.squad is empty"),
    "a token for all": (mode(".sos/operator/token.bus", 0o640), 4, "operator/token.bus can be read by others"),
    "a home for all": (mode(".sos/agents/bb", 0o755), 4, "agents/bb can be read by others"),
    "a linked token": (linked(".sos/agents/aa/token.bus"), 4, "aa/token.bus is a symbolic link"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_broken_is_named_with_its_rung(dash: Box, busybox: Box, way: str) -> None:
    change, rung, said = WAYS[way]
    change(dash)
    if way in {"a full disk", "no inodes", "no temporary directory", "a clock of 1970"}:
        change(busybox)
    for made in (dash, busybox):
        ran = made.run("check")
        assert (ran.code, ran.err) == (1, "")
        assert any(said in line for line in broken(ran)), ran.out
        assert f"The first broken rung is {rung}, " in ran.out
        assert ran.out.count("            next: ") >= len(broken(ran))


amounts = st.tuples(st.integers(0, 60 * GIB), st.integers(0, 60 * GIB)).filter(lambda pair: sum(pair) > 0)


@given(space=amounts, inodes=amounts, reserved=st.integers(0, GIB))
@example(space=(90, 10), inodes=(89, 11), reserved=0)
@example(space=(95 * GIB, 5 * GIB), inodes=(94, 6), reserved=0)
@example(space=(1900 * GIB, 51 * GIB), inodes=(1, 99), reserved=0)
@example(space=(100, 60 << 10), inodes=(95, 5), reserved=1 << 10)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_disk_is_full_where_the_watchdog_says_so(
    dash: Box, space: tuple[int, int], inodes: tuple[int, int], reserved: int
) -> None:
    total = sum(space) + reserved
    total += -total % 4  # the shell counts in KiB, and has no half of one
    dash.disk(f"my disk {total} {space[0]} {space[1]} 7% /", f"my disk {sum(inodes)} {inodes[0]} {inodes[1]} 7% /")
    place = disk.Place(name="home", path="/")
    seen = disk.FileSystem(
        mount="/",
        places=(place,),
        space=disk.Amount(total=total << 10, used=space[0] << 10, free=space[1] << 10),
        inodes=disk.Amount(total=sum(inodes), used=inodes[0], free=inodes[1]),
    )
    lines = [line.split() for line in dash.run("check").out.splitlines() if " (home): " in line]
    ranks = {"well": "ok", "WARNING": "warning", "BROKEN": "critical"}
    assert disk.worst(ranks[line[0]] for line in lines) == disk.judge(seen).level  # type: ignore[misc]


@pytest.mark.parametrize(("name", "rung"), [(".claude", 2), (".sos/agents", 4)])
def test_what_cannot_be_looked_into_is_not_taken_for_empty(bare: Box, name: str, rung: int) -> None:
    bare.interpreter = [*tools.without_privileges(), *bare.interpreter]
    (bare.home / name).chmod(0)
    ran = bare.run("check")
    (bare.home / name).chmod(0o700)
    assert ran.code == 1
    assert f"{bare.home / name} cannot be looked into" in broken(ran)
    assert f"The first broken rung is {rung}, " in ran.out


def test_the_real_df_is_understood(bare: Box) -> None:
    (bare.programs / "df").unlink()
    (bare.programs / "df").symlink_to(tools.find("busybox") if "alone" in str(bare) else "/bin/df")
    out = bare.run("check").out
    assert re.search(r"\(home\): \d+ % of its space is used, \d+ MiB left", out)


READ_ONLY = """
home=$1; shift
mount --bind "$home" "$home"; mount -o remount,ro,bind "$home"
if "$@" check; then exit 9; fi
"$@" guide bb
"$@" restore "$home/.claude.json" --yes || echo "refused: $?"
"""


def test_on_a_read_only_disk_it_says_so_and_prints_the_guide_all_the_same(bare: Box) -> None:
    (bare.home / ".claude/backups").mkdir()
    (bare.home / ".claude/backups/.claude.json.backup.1764000000000").write_bytes(SOUND[0])
    (bare.home / ".claude.json").write_bytes(SOUND[0][:700])
    before = everything(bare.home)
    done = inside(bare, READ_ONLY)
    assert done.returncode == 0, done
    assert f"BROKEN   {bare.root} (home) cannot be written" in done.stdout
    assert "# Recovery guide of bb" in done.stdout
    assert done.stdout.endswith("refused: 1\n")
    assert "nothing was written" in done.stderr
    assert everything(bare.home) == before


def test_without_home_it_finds_its_own_by_where_it_stands(bare: Box) -> None:
    (bare.home / ".claude.json").write_bytes(SOUND[0])
    bare.extra["HOME"] = ""
    ran = bare.run("check", cwd=Path("/"))
    assert (ran.code, ran.err) == (0, "")
    assert f"{bare.home}/.claude.json parses" in ran.out
    assert f"{bare.root} (home) can be written" in ran.out


def test_what_was_moved_is_found_also_with_mean_names(bare: Box) -> None:
    root = bare.home / "-a b\n*\x1b[31m"
    bare.root.rename(root)
    claude = bare.home / "claude $(x)\n"
    (bare.home / ".claude").rename(claude)
    (claude / ".claude.json").write_bytes(SOUND[0][:700])
    (bare.home / ".claude.json").write_bytes(b"the state is elsewhere")
    for path in root.glob("*/*/agent.toml"):
        path.write_text(path.read_text().replace(str(root.parent / ".sos"), "/gone"))
    bare.extra |= {"SOS_HOME": str(root), "CLAUDE_CONFIG_DIR": str(claude)}
    ran = bare.run("check")
    assert ran.code == 1
    assert [line.partition(" looks")[0] for line in broken(ran) if "looks" in line] == [f"{bare.home}/claude $(x)?/.claude.json"]
    assert "\x1b" not in ran.out
    assert any("the store /gone/sos.db is gone" in line for line in broken(ran))
    assert "bb: identity and three tokens are there, and private" in ran.out
    assert bare.run("guide", "aa").out == (root / "agents/aa/RECOVERY.md").read_text()


def test_a_copy_from_anywhere_goes_by_sos_home(bare: Box, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "agents").mkdir()
    copy = tmp_path / "bin" / "sos-rescue"
    copy.write_bytes(bare.script.read_bytes())
    done = subprocess.run(
        [*bare.interpreter, copy, "check"],
        env={**bare.environment, "SOS_HOME": f"{bare.root}/"}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"   well     {bare.root} (home) can be written\n" in done.stdout
    assert "bb: identity and three tokens are there, and private" in done.stdout


def test_a_bus_behind_a_server_is_said_and_not_missed(dash: Box) -> None:
    for path in [*dash.root.glob("agents/*/agent.toml"), dash.root / "operator/agent.toml"]:
        path.write_text(path.read_text().replace(str(dash.root / "sos.db"), "https://bus.example.org"))
    (dash.root / "sos.db").unlink()
    ran = dash.run("check")
    assert ran.code == 0, ran
    assert "behind the server https://bus.example.org: not looked at" in ran.out


def test_the_newest_backup_of_the_store_is_named(shell: Shell, dash: Box) -> None:
    first, second = (Path(shell.json("backup")["id"]) for _ in range(2))
    (dash.root / "backups/sos-9999.db").write_bytes(b"")
    assert f"the newest backup of the store: {second}\n" in dash.run("check").out
    second.unlink()
    assert f"the newest backup of the store: {first}\n" in dash.run("check").out


# --- what it reads as JSON --------------------------------------------------------------------------------------------

PLACES = (".claude.json", ".claude/settings.json", ".claude/.claude.json", ".claude/settings.local.json", ".mcp.json")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
written = st.builds(
    lambda value, indent, plain: json.dumps(value, indent=indent, ensure_ascii=plain).encode("utf-8", "replace"),
    values,
    st.sampled_from([None, 2]),
    st.booleans(),
)
cut = st.builds(lambda data, at: data[: at % (len(data) + 1)], written | st.sampled_from(SOUND), st.integers(0))
spoiled = st.builds(
    lambda data, at, more: data[: at % (len(data) + 1)] + more + data[at % (len(data) + 1) :],
    written,
    st.integers(0),
    st.sampled_from(
        [b",", b"}", b'"', b"\\", b"0", b"-", b".", b"e", b"\x00", b"\x1f", b"\xff", b"\xef\xbb\xbf", b"//", b"NaN", b"t"]
    ),
)
numbers = st.from_regex(rb"\A[-+]?[0-9]{0,2}\.?[0-9]{0,2}([eE][-+]?[0-9]{0,2})?\Z")
texts = st.lists(written | cut | spoiled | numbers, min_size=5, max_size=5)
EDGES = [
    [b"\xef\xbb\xbf{}", b"\xef\xbb\xbf", b' {"a":[1,{"b":null}]} \r\n\t', b"[1,]", b"[,1]"],
    [b'{"a" 1}', b'{"a":}', b'{"a":1 "b":2}', b"{1:2}", b"{}{}"],
    [b'"\\u00e9\\ud800"', b'"\\u00g0"', b'"\\x"', b'"a\tb"', b'"\xff"'],
    [b"01", b"-", b"1.", b"1e", b"-0.0e+00"],
    [b"tru", b"truefalse", b"[true]", b"nul", b'{"a":tru}'],
    [b"[" * 500 + b"]" * 500, b"[" * 50 + b"]" * 49, b"[}", b"{]", b"[1}"],
]


def read(box: Box, data: list[bytes]) -> list[bool]:
    """Which of five texts the check calls sound; each is one or the other."""
    for place, each in zip(PLACES, data, strict=True):
        (box.home / place).write_bytes(each)
    out = box.run("check").out
    found = [(f"{box.home}/{place} parses" in out, f"{box.home}/{place} looks broken" in out) for place in PLACES]
    assert all(sound is not bad for sound, bad in found), out
    return [sound for sound, _ in found]


def parses(data: bytes) -> bool:
    try:
        dialects.strict(data, "json", bom=True)
    except dialects.Unreadable:
        return False
    return True


@given(texts)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_calls_broken_what_json_is_not(dash: Box, data: list[bytes]) -> None:
    assert read(dash, data) == [parses(each) for each in data]


@pytest.mark.full
@pytest.mark.parametrize("data", EDGES)
def test_it_knows_the_edges_of_json(bare: Box, data: list[bytes]) -> None:
    assert read(bare, data) == [parses(each) for each in data]


@pytest.mark.parametrize("whole", SOUND, ids=["state", "in one line", "settings"])
def test_a_file_that_was_cut_anywhere_looks_broken(dash: Box, whole: bytes) -> None:
    ends = range(0, len(whole), max(len(whole) // 40, 1))
    for at in range(0, len(ends) - 4, 5):
        data = [whole[:end] for end in ends[at : at + 5]]
        assert read(dash, data) == [parses(each) for each in data]


def test_of_a_large_file_the_ends_are_looked_at_and_it_says_so(bare: Box) -> None:
    large = json.dumps({"history": ["x" * 100] * 12_000}, indent=1).encode()
    path = bare.home / ".claude.json"
    path.write_bytes(large + b"\n\n")
    ran = bare.run("check")
    assert (ran.code, f"{path} looks whole" in ran.out) == (0, True)
    for spoilt in (large[:-9], large.replace(b"x", b"\x00", 1)):
        path.write_bytes(spoilt)
        assert any(f"{path} looks broken" in line for line in broken(bare.run("check")))


def test_of_a_deep_file_the_ends_are_looked_at_and_it_says_so(dash: Box) -> None:
    path = dash.home / ".claude.json"
    for data, sound in ((b"[" * 100_000 + b"]" * 100_000, True), (b"[" * 100_000, False)):
        path.write_bytes(data)
        ran = dash.run("check")
        assert (ran.code, f"{path} looks {'whole' if sound else 'broken'}" in ran.out) == (int(not sound), True)


# --- the guide --------------------------------------------------------------------------------------------------------


def test_the_guide_is_the_agents_own_the_shipped_one_or_the_short_form(bare: Box) -> None:
    own = bare.root / "agents/aa/RECOVERY.md"
    assert (bare.run("guide", "aa").out, bare.run("guide", "aa").code) == (own.read_text(), 0)
    assert bare.run("guide", "operator").out == (bare.root / "operator/RECOVERY.md").read_text()
    several = bare.run("guide")
    assert (several.code, several.out) == (0, guide.packaged())
    assert "agents here: aa bb" in several.err
    own.unlink()
    assert bare.run("guide", "aa").out == guide.packaged()
    launcher(lambda text: re.sub('f=".*"', f'f="{bare.home}/package/hook/boot.py"', text))(bare)
    package = bare.home / "package" / "recovery"
    package.mkdir(parents=True)
    (package / "guide.py").write_text(f'DIGEST = "{guide.DIGEST}"\n')
    (package / "guide.md").write_text(guide.packaged())
    assert bare.run("guide", "aa").out == guide.packaged()
    (package / "guide.md").write_text(guide.packaged().replace("df -h", "rm -r"))
    short = bare.run("guide", "aa").out
    assert [line for line in short.splitlines() if line[:1].isdigit()] == [
        line for line in guide.SHORT.splitlines() if line[:1].isdigit()
    ]
    assert set(re.findall(r"\bsos ([a-z]+)", short)) <= set(COMMANDS)


def test_with_one_agent_the_guide_is_that_agents(bare: Box) -> None:
    (bare.root / "agents/aa").rename(bare.home / "away")
    assert bare.run("guide").out == (bare.root / "agents/bb/RECOVERY.md").read_text()


@pytest.mark.parametrize("name", ["nobody", "../operator", "..", "*", "aa/../bb", "$(id)", "a\x1bb"])
def test_a_name_without_a_home_still_gets_a_guide_and_ends_with_1(dash: Box, name: str) -> None:
    ran = dash.run("guide", name)
    assert (ran.code, ran.out) == (1, guide.packaged())
    assert "has no home here; agents: aa bb" in ran.err
    assert "\x1b" not in ran.err


def test_what_a_terminal_would_obey_is_not_printed(dash: Box) -> None:
    own = dash.root / "agents/aa/RECOVERY.md"
    own.chmod(0o600)
    own.write_text("# Recovery guide of aa\n\x1b[2J\x07 – end\n")
    assert dash.run("guide", "aa").out == "# Recovery guide of aa\n[2J – end\n"


# --- the program itself -----------------------------------------------------------------------------------------------


def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run([tools.find("shellcheck"), "-s", "sh", rescue.SHIPPED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "<<" not in Path(rescue.SHIPPED).read_text()


@pytest.mark.parametrize(
    "words",
    [["what"], ["--all"], ["check", "x"], ["guide", "a", "b"], ["guide", "-x"], ["restore"], ["restore", "--yes"],
     ["restore", "a", "b"], ["restore", "a", "--from"], ["restore", "a", "--force"]],
)  # fmt: skip
def test_what_cannot_be_ends_with_2_and_names_the_help(bare: Box, words: list[str]) -> None:
    ran = bare.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("sos-rescue: ")
    assert ran.err.endswith("\nnext: sos-rescue --help\n")


def test_a_home_that_is_not_absolute_is_refused_and_help_opens_anyway(bare: Box) -> None:
    script = bare.script

    def run(word: str) -> subprocess.CompletedProcess[str]:
        environment = {**bare.environment, "SOS_HOME": "not/absolute"}
        return subprocess.run([*bare.interpreter, script, word], env=environment, capture_output=True, text=True, check=False)

    refused, helped = run("check"), run("--help")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "SOS_HOME=not/absolute is not an absolute path" in refused.stderr
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "example: sh ~/.sos/bin/sos-rescue restore ~/.claude.json" in helped.stdout


def test_where_a_tool_is_lacking_it_says_so_and_calls_nothing_broken(bare: Box) -> None:
    (bare.programs / "od").unlink()
    ran = bare.run("check")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("sos-rescue: od is not on the PATH\nnext: ")


def test_where_nobody_has_joined_it_says_that(bare: Box, tmp_path: Path) -> None:
    alone = tmp_path / "empty"
    alone.mkdir()
    done = subprocess.run(
        [*bare.interpreter, rescue.SHIPPED, "check"],
        env={**bare.environment, "HOME": str(alone)}, cwd=alone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert "nobody has joined here" in done.stdout
    assert list(alone.iterdir()) == []


def test_join_and_connect_install_it_as_it_was_shipped(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    path = shell.root / "bin" / "sos-rescue"
    assert path.read_bytes() == Path(rescue.SHIPPED).read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert f"`sh {path} --help`" in (shell.root / "agents/aa/RECOVERY.md").read_text()
    path.write_text("cut off")
    shell.connect("aa")
    assert path.read_bytes() == Path(rescue.SHIPPED).read_bytes()
    assert f"`sh {path} --help`" in (shell.home / ".claude/skills/sos/skills/sos/GUIDE.md").read_text()
    assert f"`sh {path} --help`" in shell.run("guide").out
