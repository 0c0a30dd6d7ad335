"""The ways to break an agent that its operator may meet: how each is done, the cause that the doctor must name, what mends it.

`mend` is what the operator types or does: the words of one command of ours, one thing that only people can do, or nothing where
`sos doctor --fix` does it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from sos.model.times import HOUR
from tests.breakages.deeds import Way, cut, edit, remove, write
from tests.breakages.patient import SESSION, Patient
from tests.breakages.ways_elsewhere import WAYS_ELSEWHERE

CONNECT = ("connect", "claude", "--as", "bb", "--dir", "work")
JOIN = ("join", "--name", "bb")


def _project_settings(patient: Patient) -> None:
    folder = patient.work / ".claude"
    folder.mkdir()
    (folder / "settings.local.json").write_text('{"disableAllHooks": true}')


def _state(patient: Patient) -> bytes:
    """What Claude Code keeps, in its file and in its own newest backup."""
    servers = {"mcpServers": {"other": {"command": "/bin/true"}}, "numStartups": 3}
    projects = {str(patient.work): {"hasTrustDialogAccepted": True}}
    data = json.dumps({**servers, "projects": projects}, indent=2).encode()
    backups = patient.home / ".claude" / "backups"
    backups.mkdir()
    (backups / ".claude.json.backup.1795000000000").write_bytes(data)
    return data


def _cut_state(patient: Patient) -> None:
    data = _state(patient)
    (patient.home / ".claude" / ".claude.json").write_bytes(data[: len(data) * 2 // 3])


def _empty_state(patient: Patient) -> None:
    _state(patient)
    (patient.home / ".claude" / ".claude.json").write_bytes(b"")


def _zeroed_state(patient: Patient) -> None:
    (patient.home / ".claude" / ".claude.json").write_bytes(b"\0" * len(_state(patient)))


def _untrusted(patient: Patient) -> None:
    trust = {"projects": {str(patient.work): {"hasTrustDialogAccepted": False}}}
    (patient.home / ".claude" / ".claude.json").write_text(json.dumps(trust))


def _no_program(patient: Patient) -> None:
    program = patient.home / "review"
    program.write_text("#!/bin/sh\ncat >/dev/null\n")
    program.chmod(0o700)
    patient.shell.json("watch", "add", "bb", "--", str(program))
    program.unlink()


def _lock_held(patient: Patient) -> None:
    code = (
        "import fcntl,sys,time; a = open(sys.argv[1]); fcntl.flock(a, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"
    )
    holder = patient.start([sys.executable, "-c", code, str(patient.root / "sos.db.lock")], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.stdout.close()


def _write_held(patient: Patient) -> None:
    code = "import sqlite3,sys,time; made = sqlite3.connect(sys.argv[1], isolation_level=None); made.execute('BEGIN EXCLUSIVE'); "
    code += "print('held', flush=True); time.sleep(600)"
    holder = patient.start([sys.executable, "-c", code, str(patient.root / "sos.db")], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.stdout.close()


def _lost_terminal(patient: Patient) -> None:
    ours, theirs = os.openpty()
    patient.session = patient.start(["sleep", "600"], stdin=theirs, start_new_session=True)
    patient.event("SessionStart", SESSION, source="resume")
    os.close(theirs)
    os.close(ours)


def _killed(patient: Patient) -> None:
    patient.session.kill()
    patient.session.wait()


def _silent(patient: Patient) -> None:
    """It is at work, and its hooks have not run for more than an hour."""
    hour = int(time.time() * 1000) - 3600_000
    patient.sql("UPDATE body SET hook_at = ?, presence = 'working' WHERE session = ?", hour - 60_000, SESSION)


def _shows_nothing(patient: Patient) -> None:
    """Two hook runs in succession have passed over a message that waits."""
    now = int(time.time() * 1000)
    patient.sql(
        "UPDATE body SET hook_at = ?, hook_event = 'PostToolBatch', hook_outcome = 'passed over again' WHERE session = ?",
        now,
        SESSION,
    )


def _old_outbox(patient: Patient) -> None:
    assert patient.serving is not None
    patient.serving.stop(signal.SIGKILL)
    assert patient.shell.inside(SESSION).run("send", "aa", "from a closed bus").code == 75
    patient.serving.start()


def _swap(patient: Patient) -> None:
    patient.token("bus").write_text(patient.token("registry").read_text())


def _of_another(patient: Patient) -> None:
    patient.token("bus").write_text((patient.root / "agents" / "aa" / "token.bus").read_text())


def _revoke(patient: Patient) -> None:
    key = patient.token("bus").read_text().split("_")[2][:10]
    patient.sql("UPDATE token SET revoked_at = 1 WHERE key_id = ?", key)


def _expire(patient: Patient) -> None:
    patient.sql("UPDATE token SET expires_at = 1 WHERE agent = 'bb' AND service = 'bus'")


def _later_than_now(patient: Patient) -> None:
    tomorrow = time.time() + 86_400
    os.utime(patient.root / "run" / f"session-{SESSION}", (tomorrow, tomorrow))


def _now_again(patient: Patient) -> None:
    os.utime(patient.root / "run" / f"session-{SESSION}")


def _damaged_store(patient: Patient) -> None:
    patient.shell.json("backup", "--to", str(patient.home / "copy.db"))
    with (patient.root / "sos.db").open("r+b") as file:
        file.write(b"this is no database")


def _put_back(patient: Patient) -> None:
    for ending in ("", "-wal", "-shm"):
        (patient.root / f"sos.db{ending}").unlink(missing_ok=True)
    (patient.home / "copy.db").rename(patient.root / "sos.db")


WAYS = (
    # --- the machine
    Way("the clock was put back", "clock_back", _later_than_now, _now_again),
    # --- the runtime
    Way("the plugin is gone", "hook_gone", remove(".claude/skills/sos")),
    Way("the hooks were edited", "hook_changed", edit(".claude/skills/sos/hooks/hooks.json", "UserPromptSubmit", "Prompt")),
    Way("the hooks are cut off", "hook_changed", cut(".claude/skills/sos/hooks/hooks.json")),
    Way("the hooks are empty", "hook_changed", write(".claude/skills/sos/hooks/hooks.json", "")),
    Way("the manifest is gone", "hook_changed", remove(".claude/skills/sos/.claude-plugin/plugin.json")),
    Way("the skill was edited", "skill_changed", edit(".claude/skills/sos/skills/sos/SKILL.md", "lifeline", "leash")),
    Way("the launcher is gone", "launcher_gone", remove(".sos/bin/sos-hook")),
    Way("the launcher may not be run", "launcher_changed", lambda patient: (patient.root / "bin/sos-hook").chmod(0o644)),
    Way("the launcher ends before it starts anything", "runtime_config", edit(".sos/bin/sos-hook", "[ -x", "exit 0\n[ -x")),
    Way("the environment was moved", "python_gone", edit(".sos/bin/sos-hook", sys.executable, "/nowhere/bin/python")),
    Way("all hooks are switched off", "hooks_disabled", write(".claude/settings.json", '{"disableAllHooks": true}'),
        remove(".claude/settings.json")),
    Way("a project switches all hooks off", "hooks_disabled", _project_settings, remove("work/.claude")),
    Way("the plugin is switched off", "plugin_disabled",
        write(".claude/settings.json", '{"enabledPlugins": {"sos@skills-dir": false}}'), remove(".claude/settings.json")),
    Way("the directory is not trusted", "not_trusted", _untrusted, remove(".claude/.claude.json")),
    Way("the runtime's state is cut off", "config_closed", _cut_state, ("repair", "--yes", ".claude/.claude.json")),
    Way("the runtime's state is empty", "config_closed", _empty_state, ("repair", "--yes", ".claude/.claude.json")),
    Way("the runtime's state is full of NULs", "config_closed", _zeroed_state, ("repair", "--yes", ".claude/.claude.json")),
    Way("the settings have a comma too many", "config_ignored", write(".claude/settings.json", '{"hooks": {},}'),
        ("repair", "--yes", ".claude/settings.json")),
    Way("the settings have a comment", "config_ignored", write(".claude/settings.json", '{"hooks": {} // none\n}'),
        ("repair", "--yes", ".claude/settings.json")),
    Way("the settings have conflict markers", "config_ignored",
        write(".claude/settings.json", '{\n<<<<<<< ours\n"a": 1\n=======\n"a": 2\n>>>>>>> theirs\n}\n'),
        ("repair", "--yes", ".claude/settings.json")),
    # --- the inbox
    Way("the store is gone", "store_missing", lambda patient: (patient.root / "sos.db").rename(patient.home / "aside"),
        lambda patient: (patient.home / "aside").rename(patient.root / "sos.db")),
    Way("the store is damaged", "store_damaged", _damaged_store, _put_back),
    Way("the store may not be written", "store_unreachable", lambda patient: (patient.root / "sos.db").chmod(0o400),
        lambda patient: (patient.root / "sos.db").chmod(0o600), unprivileged=True),
    Way("another process holds the lock", "store_unreachable", _lock_held, lambda patient: patient.processes[-1].kill()),
    Way("another process is in a write", "store_unreachable", _write_held, lambda patient: patient.processes[-1].kill()),
    Way("another store is named", "bus_mismatch", lambda patient: None, lambda patient: None,
        environment=(("SOS_STORE", "sqlite:///nowhere/sos.db"),)),
    Way("the session is frozen", "frozen", lambda patient: patient.session.send_signal(signal.SIGSTOP),
        lambda patient: patient.session.send_signal(signal.SIGCONT)),
    Way("the session was killed", "session_gone", _killed),
    Way("its terminal is gone", "terminal_gone", _lost_terminal, _killed),
    Way("its hooks do not run", "no_hook_runs", _silent, lambda patient: patient.event("Stop", SESSION), waits=HOUR),
    Way("its hooks show nothing", "hook_shows_nothing", _shows_nothing, lambda patient: patient.event("SessionEnd", SESSION),
        waits=HOUR),
    Way("a file says that nothing waits", "quiet_wrong", write(".sos/run/quiet-bb", "")),
    Way("no watch runs", "watch_stopped", lambda patient: patient.shell.json("watch", "add", "bb", "--", "true"),
        ("watch", "remove", "bb")),
    Way("the watch's program is gone", "watch_troubled", _no_program, ("watch", "remove", "bb")),
    Way("the server is down", "store_unreachable", lambda patient: patient.serving.stop(signal.SIGKILL),  # type: ignore[union-attr]
        lambda patient: patient.serving.start(), over_server=True),  # type: ignore[union-attr]
    Way("something could not be sent", "outbox_waits", _old_outbox, over_server=True),
    # --- identity and tokens
    Way("its home may not be written", "home_damaged", lambda patient: patient.of.chmod(0o500), unprivileged=True),
    Way("its home may not be looked into", "home_damaged", lambda patient: patient.of.chmod(0), unprivileged=True),
    Way("the bus token is gone", "token_refused", remove(".sos/agents/bb/token.bus"), JOIN),
    Way("the registry token is gone", "token_refused", remove(".sos/agents/bb/token.registry"), JOIN),
    Way("the bus token is cut off", "token_damaged", cut(".sos/agents/bb/token.bus"), JOIN),
    Way("the tokens are swapped", "token_wrong_kind", _swap, JOIN),
    Way("the token is another agent's", "token_refused", _of_another, JOIN),
    Way("the token was revoked", "token_revoked", _revoke, JOIN),
    Way("the token has expired", "token_expired", _expire, JOIN),
    Way("others can read the home", "home_not_private", lambda patient: patient.of.chmod(0o755)),
    Way("others can read the token", "home_not_private", lambda patient: patient.token("bus").chmod(0o644)),
    Way("the identity file is cut off", "home_damaged", cut(".sos/agents/bb/agent.toml"), JOIN),
    Way("the guide was changed", "guide_missing", edit(".sos/agents/bb/RECOVERY.md", "stop", "go on")),
    Way("it has left", "left", lambda patient: patient.shell.json("leave", "--as", "bb", "--yes"), JOIN),
    Way("the bindings are gone", "unbound", remove(".sos/bindings.json"), CONNECT),
    Way("the bindings are damaged", "home_damaged", write(".sos/bindings.json", "{"), CONNECT),
    # --- other runtimes
    *WAYS_ELSEWHERE,
)  # fmt: skip
