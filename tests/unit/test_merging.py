"""What connecting puts into a runtime's own configs comes out again, whatever others have written there meanwhile."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos import files
from sos.model.configs import Merge, Places
from sos.model.errors import Conflict, RuntimeConfigError
from sos.recovery import dialects, jsonedit, swapping
from sos.runtimes import NAMES
from sos.runtimes.connector import connector_of
from sos.wiring import merging, standing
from tests.configs import CLAUDE, CODEX, OPENCODE, SETTINGS

SERVERS = {key: CLAUDE["mcpServers"][key] for key in ("github", "search")}
OTHERS: dict[str, list[bytes]] = {
    "toml": [
        CODEX.replace("sos", "other").encode(),
        CODEX.replace("sos", "other").replace("\n", "\r\n").encode(),
        b'a = "b"',
        b"",
    ],
    "json": [
        json.dumps(SETTINGS, indent=4).replace("\n", "\r\n").encode(),
        json.dumps({"hooks": {}, "mcpServers": {}}).encode(),
        b"{}",
        b" \n",
    ],
    "jsonc": [
        OPENCODE.replace('"sos"', '"other"').encode(),
        b'\xef\xbb\xbf{ // mine\n\t"mcpServers": ' + json.dumps(SERVERS).encode() + b", /* and */\n}",
        b'{"mcp": {}, "mcpServers": {"x": {"command": "\xff\xfe"}}}',
    ],
}
Case = tuple[str, Merge]


def cases(folder: Path) -> list[Case]:
    """Every config that connecting any runtime puts something into, below a folder."""
    places = Places(**{name: str(folder / name) for name in ("user", "claude", "codex", "config", "project")})
    home = str(folder / "sos home ü")
    return [(name, merge) for name in NAMES for merge in connector_of(name).merges(home, places)]


COUNT = len(cases(Path("/nowhere")))


class Place:
    """One config of one runtime on the disk, and what is done to it."""

    def __init__(self, folder: Path, number: int, data: bytes | None) -> None:
        self.home = str(folder / "sos home ü")
        os.makedirs(self.home, 0o700, exist_ok=True)
        self.runtime, self.merge = cases(folder)[number]
        self.path = Path(self.merge.config.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            self.path.write_bytes(data)

    def value(self) -> Any:
        data = self.path.read_bytes()
        return dialects.strict(data or b"{}", self.merge.config.dialect, bom=True) if data.strip() else {}

    def connect(self) -> bool:
        return merging.apply(self.home, self.runtime, self.merge)

    def disconnect(self) -> bool:
        return merging.undo(self.home, self.runtime, self.merge)

    def others(self) -> Any:
        return merging._others(self.home, self.merge, self.value())


def contents(number: int) -> list[bytes | None]:
    dialect = cases(Path("/nowhere"))[number][1].config.dialect
    return [None, *OTHERS[dialect], *(OTHERS["json"] if dialect == "jsonc" else ())]


ALL = [(number, data) for number in range(COUNT) for data in contents(number)]
NAMED = [f"{runtime} {os.path.basename(merge.config.path)}" for runtime, merge in cases(Path("/nowhere"))]
EACH = pytest.mark.parametrize("number", range(COUNT), ids=NAMED)


@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@pytest.mark.parametrize(("number", "data"), ALL, ids=[f"{NAMED[number]} {at}" for at, (number, _) in enumerate(ALL)])
def test_disconnect_gives_the_bytes_back_and_connecting_twice_is_connecting_once(
    tmp_path: Path, number: int, data: bytes | None
) -> None:
    place = Place(tmp_path, number, data)
    before = place.value() if data is not None else {}
    assert place.connect()
    once = place.path.read_bytes()
    assert place.value() != before
    assert not standing.missing(place.merge)
    assert os.listdir(place.path.parent) == [place.path.name]
    assert not place.connect()
    assert place.path.read_bytes() == once
    assert place.disconnect()
    assert (place.path.read_bytes() if place.path.exists() else None) == data
    assert not place.disconnect()
    assert not [name for _, _, names in os.walk(place.home) for name in names if name in {"marks", "before"}]


def _front(text: str, chance: random.Random) -> str:
    at = text.index("{") + 1
    return f'{text[:at]} "added{chance.randrange(99)}": [1, {{"x": null}}],{text[at:]}'


def _edited(value: Any, chance: random.Random) -> Any:
    """A value as another program might leave it: keys before, behind and between, some of ours gone, or sorted."""
    if isinstance(value, list):
        made = [_edited(each, chance) for each in value if chance.random() < 0.9]
        return [*made, {"theirs": chance.random()}] if chance.random() < 0.3 and all(isinstance(e, dict) for e in made) else made
    if not isinstance(value, dict):
        return value
    pairs = [(key, _edited(each, chance)) for key, each in value.items() if chance.random() < 0.9]
    if chance.random() < 0.5:
        pairs.insert(chance.randint(0, len(pairs)), (f"added {chance.randrange(99)}", {"x": [None, "y"]}))
    return dict(sorted(pairs) if chance.random() < 0.3 else pairs)


def _again(place: Place) -> bool:
    """Connect again; False where the other program left an entry in our place that is not ours any more, and that is refused."""
    before = place.path.read_bytes()
    try:
        place.connect()
    except RuntimeConfigError as error:
        said = error.message
    else:
        return True
    assert "not ours" in said or "cannot stand there" in said, said
    assert place.path.read_bytes() == before
    return False


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"indent": 2},
    {"indent": "\t"},
    {"separators": (",", ":")},
    {"ensure_ascii": False, "indent": 1},
]


@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([each for each in ALL if cases(Path("/nowhere"))[each[0]][1].config.dialect != "toml"]), st.integers(0, 2**32)
)
def test_disconnect_takes_out_ours_alone_whatever_another_program_made_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[int, bytes | None], seed: int
) -> None:
    chance = random.Random(seed)
    place = Place(tmp_path_factory.mktemp("place"), *case)
    place.connect()
    if chance.random() < 0.3:
        text = _front(place.path.read_bytes().decode("utf-8", "surrogateescape"), chance)
        place.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    else:
        text = json.dumps(_edited(place.value(), chance), **chance.choice(LAYOUTS))
        place.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    others = place.others()
    if chance.random() < 0.5 and _again(place):
        assert not standing.missing(place.merge)
        assert place.others() == others
    place.disconnect()
    assert (place.others() if place.path.exists() else {}) == others
    assert b"/bin/sos-" not in (place.path.read_bytes() if place.path.exists() else b"")


TOML_EDITS: list[Callable[[str], str]] = [
    lambda text: "# mine\nfirst = 1\n" + text,
    lambda text: text + '\n[last]\nx = "y" # z\n',
    lambda text: text + "\n# the end, without a line end",
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("[mcp_servers.sos]", "# of mine\n\n[ mcp_servers . 'sos' ] # ours"),
    lambda text: text + 'enabled = true\n\n[mcp_servers.sos.env]\nA = "b"\n',
    lambda text: text.replace(f"# {merging.REMARK}\n", ""),
    lambda text: text.rstrip("\n"),
]


@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(OTHERS["toml"]), st.lists(st.sampled_from(TOML_EDITS), max_size=3, unique=True))
def test_the_same_with_toml(tmp_path_factory: pytest.TempPathFactory, data: bytes, edits: list[Callable[[str], str]]) -> None:
    number = next(at for at, (_, merge) in enumerate(cases(Path("/nowhere"))) if merge.config.dialect == "toml")
    place = Place(tmp_path_factory.mktemp("place"), number, data)
    place.connect()
    text = place.path.read_bytes().decode()
    for edit in edits:
        text = edit(text)
    place.path.write_bytes(text.encode())
    try:
        others = place.others()
    except dialects.Unreadable:
        return  # two edits that do not go together
    place.disconnect()
    assert place.value() == others
    mine = [line for line in text.splitlines() if "mine" in line or "the end" in line]
    assert [line for line in place.path.read_text().splitlines() if "mine" in line or "the end" in line] == mine


@pytest.mark.promise("CONNECT-009")
def test_ours_in_a_form_that_cannot_be_taken_out_alone_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    number = next(at for at, (_, merge) in enumerate(cases(tmp_path)) if merge.config.dialect == "toml")
    place = Place(tmp_path, number, b"")
    place.connect()
    inline = f'model = "x"\nmcp_servers = {{ sos = {{ command = "{place.home}/bin/sos-mcp" }}, other = {{ command = "y" }} }}\n'
    place.path.write_text(inline)
    with pytest.raises(RuntimeConfigError, match="in another form") as refused:
        place.disconnect()
    assert refused.value.next_step.startswith("take mcp_servers.sos out of ")
    assert place.path.read_text() == inline


@pytest.mark.promise("CONNECT-008")
@EACH
def test_a_launcher_line_of_an_older_version_is_replaced_and_never_comes_back(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, number, contents(number)[1])
    data = place.path.read_bytes()
    place.connect()
    older = place.path.read_bytes().replace(b"sos-hook", b"sos-hook --older").replace(b"sos-mcp", b"sos-mcp2")
    place.path.write_bytes(older)
    assert len(standing.missing(place.merge)) == len([put for put in place.merge.puts if put.value != 1])
    assert place.connect()
    assert place.path.read_bytes().count(b"/bin/sos-") == older.count(b"/bin/sos-")
    assert b"older" not in place.path.read_bytes()
    assert place.disconnect()
    assert b"/bin/sos-" not in place.path.read_bytes()
    assert dialects.strict(data, place.merge.config.dialect, bom=True) == place.value() or not data.strip()


@pytest.mark.promise("CONNECT-008")
@EACH
def test_what_is_added_to_an_entry_of_ours_stays_when_it_is_written_anew(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, number, contents(number)[1])
    if any(put.element for put in place.merge.puts):
        return  # a hook has no keys of its user's
    place.connect()
    text = place.path.read_bytes().decode("utf-8", "surrogateescape")
    (put,) = place.merge.puts
    if place.merge.config.dialect == "toml":
        text += '\n[mcp_servers.sos.tools.send]\napproval_mode = "approve"\n'
    else:
        text = jsonedit.put(text, (*put.steps, "disabled"), False)
    place.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not standing.missing(place.merge)
    assert not place.connect()
    place.path.write_bytes(place.path.read_bytes().replace(b"sos-mcp", b"sos-mcp2"))
    assert place.connect()
    found = jsonedit.value_at(place.value(), put.steps)
    assert len(found) == len(put.value) + 1
    assert {key: found[key] for key in put.value} == put.value
    assert place.disconnect()
    assert b"/bin/sos-" not in place.path.read_bytes()


@pytest.mark.promise("CONNECT-008")
@pytest.mark.parametrize("step", ["before the write", "at the rename"])
@EACH
def test_what_another_program_writes_meanwhile_is_kept(
    tmp_path: Path, number: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other program replaces the file once: between our look and the write, or while the new file is being written."""
    place = Place(tmp_path, number, contents(number)[1])
    theirs = b'mine = "theirs"\n' if place.merge.config.dialect == "toml" else b'{"mine": "theirs"}'
    left = [theirs]
    write, swap = files.write, swapping.swap

    def come_between() -> None:
        if left:
            place.path.with_name("new").write_bytes(left.pop())
            os.replace(place.path.with_name("new"), place.path)

    def writing(path: str, *more: Any, **named: Any) -> None:
        if step == "before the write":
            come_between()
        write(path, *more, **named)

    def swapped(path: str, beside: str, before: bytes) -> bool:
        come_between()
        return swap(path, beside, before)

    monkeypatch.setattr(files, "write", writing)
    monkeypatch.setattr(swapping, "swap", swapped)
    assert place.connect()
    assert not left
    assert place.value()["mine"] == "theirs"
    assert not standing.missing(place.merge)
    assert place.disconnect()
    assert place.path.read_bytes() == theirs


@pytest.mark.promise("CONNECT-008")
def test_a_config_that_another_program_removes_meanwhile_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, 0, b'{"mine": 1}')
    real = files.write

    def write(path: str, *more: Any, **named: Any) -> None:
        real(path, *more, **named)
        if path.endswith("/marks") and json.loads(place.path.read_bytes() if place.path.exists() else b"{}").get("mine"):
            place.path.unlink()

    monkeypatch.setattr(files, "write", write)
    assert place.connect()
    assert not standing.missing(place.merge)
    assert place.disconnect()
    assert not place.path.exists()


@pytest.mark.promise("CONNECT-008")
def test_what_another_program_writes_into_a_file_of_ours_while_it_is_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, 0, None)
    place.connect()
    real, left = swapping.remove, [b'{"theirs": 1}']

    def remove(path: str, beside: str, before: bytes) -> bool:
        if left:
            place.path.write_bytes(left.pop())
        return real(path, beside, before)

    monkeypatch.setattr(swapping, "remove", remove)
    place.disconnect()
    assert place.path.read_bytes() == b'{"theirs": 1}'


@pytest.mark.promise("CONNECT-008")
def test_a_config_that_never_rests_is_refused_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, 0, b"{}")
    real, count = files.write, [0]

    def write(path: str, *more: Any, **named: Any) -> None:
        count[0] += 1
        place.path.write_bytes(b'{"written": %d}' % count[0])
        real(path, *more, **named)

    monkeypatch.setattr(files, "write", write)
    with pytest.raises(Conflict, match="all the time") as refused:
        place.connect()
    assert "sos connect codex" in refused.value.next_step
    assert place.path.read_bytes() == b'{"written": %d}' % count[0]
    assert sorted(os.listdir(place.path.parent)) == [place.path.name]


def test_an_empty_object_of_the_users_stays_when_somebody_else_has_written_since(tmp_path: Path) -> None:
    number = next(at for at, (name, _) in enumerate(cases(tmp_path)) if name == "copilot")
    place = Place(tmp_path, number, b'{"mcpServers": {}, "a": 1}')
    place.connect()
    place.path.write_bytes(place.path.read_bytes().replace(b'"a": 1', b'"a": 2'))
    place.disconnect()
    assert place.value() == {"mcpServers": {}, "a": 2}
