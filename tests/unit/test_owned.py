"""What is ours as a whole below a runtime's directory: written where nothing of anybody's is, and removed with nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sos.model.configs import Own
from sos.model.errors import HomeDamaged, RuntimeConfigError
from sos.runtimes import owned

pytestmark = pytest.mark.promise("CONNECT-007", "CONNECT-009")
CONTENTS = {"SKILL.md": "skill\n", "hooks/hooks.json": "{}"}


def folder(path: Path) -> Own:
    return Own(path=str(path / "skills" / "sos"), contents=CONTENTS)


def file(path: Path) -> Own:
    return Own(path=str(path / "hooks" / "sos.json"), contents={"": '{"command": "/home/a/.sos/bin/sos-hook"}'})


@pytest.mark.parametrize("make", [folder, file])
def test_it_is_written_known_again_and_removed(tmp_path: Path, make: object) -> None:
    own = folder(tmp_path) if make is folder else file(tmp_path)
    assert not owned.exists(own)
    assert not owned.remove(own)
    written = owned.write(own)
    assert set(owned.paths(own)) <= set(written)
    assert owned.exists(own)
    assert owned.write(own) == written
    assert owned.remove(own)
    assert not os.path.lexists(own.path)


@pytest.mark.parametrize("what", ["file", "directory", "link", "dangling link"])
def test_what_is_somebody_elses_is_refused_and_stays(tmp_path: Path, what: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes").write_text("mine")
    for own in (folder(tmp_path), file(tmp_path)):
        path = Path(own.path)
        path.parent.mkdir()
        if what == "file":
            path.write_text("mine")
        elif what == "directory":
            path.mkdir()
            (path / "notes").write_text("mine")
        else:
            path.symlink_to(mine if what == "link" else "nowhere")
        before = sorted(os.listdir(path)) if path.is_dir() else path.is_symlink() or path.read_text()
        with pytest.raises(RuntimeConfigError, match="exists and is not ours") as refused:
            owned.write(own)
        assert refused.value.next_step == f"move {own.path} away, then connect again"
        assert not owned.remove(own)
        assert (sorted(os.listdir(path)) if path.is_dir() else path.is_symlink() or path.read_text()) == before


def test_a_file_where_a_directory_belongs_is_named(tmp_path: Path) -> None:
    (tmp_path / "skills").write_text("mine")
    (tmp_path / "hooks").symlink_to("nowhere")
    for own, named in ((folder(tmp_path), "skills"), (file(tmp_path), "hooks")):
        with pytest.raises(HomeDamaged) as refused:
            owned.write(own)
        assert refused.value.next_step == f"move {tmp_path / named} away, then try again"
    assert (tmp_path / "skills").read_text() == "mine"


def test_a_link_in_it_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    own = folder(tmp_path)
    owned.write(own)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    for name in ("folder", "hooks/folder"):
        Path(own.path, name).symlink_to(tmp_path / "mine")
    assert owned.remove(own)
    assert not os.path.lexists(own.path)
    assert (tmp_path / "mine" / "notes").read_text() == "mine"


@pytest.mark.parametrize("make", [folder, file])
def test_what_a_killed_write_has_left_goes_too(tmp_path: Path, make: object) -> None:
    own = folder(tmp_path) if make is folder else file(tmp_path)
    owned.write(own)
    for path in owned.paths(own):
        Path(f"{path}.4711.abc.tmp").write_text("half")
    assert owned.remove(own)
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []
