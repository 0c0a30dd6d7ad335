"""The ways to break an agent in Codex, Gemini CLI, Copilot CLI and OpenCode: one table, as that of Claude Code's (ways.py)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from tests.breakages.deeds import Deed, Way, change, cut, edit, remove, write, zero
from tests.breakages.patient import Patient

CODEX, CODEX_HOOKS = ".codex/config.toml", ".codex/hooks.json"
GEMINI, EXTENSION = ".gemini/settings.json", ".gemini/extensions/sos"
COPILOT, COPILOT_HOOKS = ".copilot/mcp-config.json", ".copilot/hooks/sos.json"
OPENCODE, PLUGIN = ".config/opencode/opencode.json", ".config/opencode/plugins/sos.js"
SKILL = ".agents/skills/sos"


def repair(path: str) -> tuple[str, ...]:
    return ("repair", "--yes", path)


def trust(patient: Patient) -> None:
    patient.installed.trust()


def _repair_and_trust(patient: Patient) -> None:
    """Whom Codex trusts was lost with its config: its user alone can say so again."""
    assert patient.shell.run(*repair(CODEX)).code == 0
    patient.doctor("--fix")
    trust(patient)


def _cut_behind_the_trust(patient: Patient) -> None:
    config = patient.home / CODEX
    config.write_text(config.read_text() + '\n[tui]\ntheme = "dark"\nnotifications = [\n  "agent-turn')


def _prepended(path: str, text: str) -> Deed:
    def do(patient: Patient) -> None:
        file = patient.home / path
        file.write_text(text + file.read_text())

    return do


def _without_line(path: str, line: str) -> Deed:
    def do(patient: Patient) -> None:
        file = patient.home / path
        file.write_text(file.read_text().replace(line, "", 1))

    return do


def _fix_and_trust(patient: Patient) -> None:
    patient.doctor("--fix")
    trust(patient)


def _servers_are_a_number(patient: Patient) -> None:
    config = patient.home / CODEX
    before, _, after = config.read_text().partition("[mcp_servers.sos]")
    config.write_text("mcp_servers = 5\n" + before + "[" + after.partition("\n[")[2])


def _no_number(patient: Patient) -> None:
    _without_line(CODEX, "mcp_servers = 5\n")(patient)
    patient.doctor("--fix")


def _no_list(patient: Patient) -> None:
    """Its user takes the list out; the doctor puts ours in."""
    write(CODEX_HOOKS, "{}")(patient)
    patient.doctor("--fix")


def _untrusted(patient: Patient) -> None:
    config = patient.home / CODEX
    config.write_text(config.read_text().partition("[hooks.state")[0])


def _switched_off(patient: Patient) -> None:
    config = patient.home / CODEX
    config.write_text(config.read_text().replace("trusted_hash", "enabled = false\ntrusted_hash", 1))


def _without_tools(patient: Patient) -> None:
    config = patient.home / CODEX
    before, _, after = config.read_text().partition("[mcp_servers.sos]")
    config.write_text(before + "[" + after.partition("\n[")[2])


def _removed(*steps: str) -> Any:
    """Takes a member out of a document."""

    def how(made: Any) -> None:
        for step in steps[:-1]:
            made = made[step]
        del made[steps[-1]]

    return how


def _set(value: object, *steps: str) -> Any:
    """Sets a member of a document."""

    def how(made: Any) -> None:
        for step in steps[:-1]:
            made = made.setdefault(step, {})
        made[steps[-1]] = value

    return how


def _first_hook(event: str, **said: object) -> Any:
    """Changes what the first hook of an event says."""

    def how(made: Any) -> None:
        made["hooks"][event][0]["hooks"][0].update(said)

    return how


def _disabled_extension(patient: Patient) -> None:
    rules = {"sos": {"overrides": [f"!{patient.home}/*"]}}
    (patient.home / ".gemini/extensions/extension-enablement.json").write_text(json.dumps(rules))


def _project_settings(patient: Patient) -> None:
    folder = patient.work / ".github" / "copilot"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text('{"disableAllHooks": true}')


def _in_all(runtime: str) -> Iterator[Way]:
    """What is the same in each runtime."""
    launcher = ".sos/bin/sos-hook"
    yield Way("the launcher is gone", "launcher_gone", remove(launcher), runtime=runtime)
    yield Way("the launcher is another program", "launcher_changed", write(launcher, "#!/bin/sh\n"), runtime=runtime)
    yield Way("the launcher may not be run", "launcher_changed", lambda patient: (patient.home / launcher).chmod(0o644),
              runtime=runtime)  # fmt: skip
    yield Way("the environment was moved", "python_gone", edit(launcher, sys.executable, "/nowhere/bin/python"), runtime=runtime)
    if runtime != "gemini":
        yield Way("the skill was edited", "skill_changed", edit(f"{SKILL}/SKILL.md", "lifeline", "leash"), runtime=runtime)
        yield Way("the skill is gone", "skill_changed", remove(SKILL), runtime=runtime)


def _codex() -> Iterator[Way]:
    def way(name: str, cause: str, do: Deed, mend: tuple[str, ...] | Deed | None = None) -> Way:
        return Way(name, cause, do, mend, runtime="codex")

    yield way("the config is cut off behind the trust", "config_closed", _cut_behind_the_trust, repair(CODEX))
    yield way("the config is cut off, and the trust with it", "config_closed", cut(CODEX), _repair_and_trust)
    yield way("the config is full of NULs", "config_closed", zero(CODEX), _repair_and_trust)
    yield way("the config has a key twice", "config_closed", _prepended(CODEX, 'model = "a"\n'), repair(CODEX))
    yield way("the config was emptied", "not_trusted", write(CODEX, ""), _fix_and_trust)
    yield way("the servers are a number", "config_closed", _servers_are_a_number, _no_number)
    yield way("the hooks are cut off", "config_ignored", cut(CODEX_HOOKS), repair(CODEX_HOOKS))
    yield way("the hooks are full of NULs", "config_ignored", zero(CODEX_HOOKS), repair(CODEX_HOOKS))
    yield way("the hooks have a comma too many", "config_ignored", edit(CODEX_HOOKS, "\n}", ",\n}"), repair(CODEX_HOOKS))
    yield way("the hooks are empty", "config_ignored", write(CODEX_HOOKS, ""))
    yield way("the hooks were reset", "hook_gone", write(CODEX_HOOKS, "{}"))
    yield way("the hooks are a list", "config_ignored", write(CODEX_HOOKS, '{"hooks": []}'), _no_list)
    yield way("the hooks' file is gone", "hook_gone", remove(CODEX_HOOKS))
    yield way("an entry was taken out", "hook_gone", change(CODEX_HOOKS, _removed("hooks", "UserPromptSubmit")))
    yield way("an entry was changed", "hook_changed", change(CODEX_HOOKS, _first_hook("UserPromptSubmit", timeout=1)))
    yield way("hooks are switched off", "hooks_disabled", _prepended(CODEX, "features.hooks = false\n"),
              _without_line(CODEX, "features.hooks = false\n"))  # fmt: skip
    yield way("nobody has trusted the hooks", "not_trusted", _untrusted, trust)
    yield way("a hook was switched off", "not_trusted", _switched_off, trust)
    yield way("our tools were taken out", "skill_changed", _without_tools)
    yield way("our tools start something else", "skill_changed", edit(CODEX, "bin/sos-mcp", "bin/sos-gone"))


def _gemini() -> Iterator[Way]:
    hooks = f"{EXTENSION}/hooks/hooks.json"

    def way(name: str, cause: str, do: Deed, mend: tuple[str, ...] | Deed | None = None) -> Way:
        return Way(name, cause, do, mend, runtime="gemini")

    yield way("the settings are cut off", "config_closed", cut(GEMINI), repair(GEMINI))
    yield way("the settings are full of NULs", "config_closed", zero(GEMINI), remove(GEMINI))
    yield way("the settings have a comma too many", "config_closed", edit(GEMINI, "\n}", ",\n}"), repair(GEMINI))
    yield way("the settings are empty", "config_closed", write(GEMINI, ""), remove(GEMINI))
    yield way("the settings are a list", "config_closed", write(GEMINI, "[]"), remove(GEMINI))
    yield way("the hooks are cut off", "hook_changed", cut(hooks))
    yield way("the hooks are full of NULs", "hook_changed", zero(hooks))
    yield way("the hooks have a comma too many", "hook_changed", edit(hooks, "\n}", ",\n}"))
    yield way("the hooks are empty", "hook_changed", write(hooks, ""))
    yield way("the extension is gone", "hook_gone", remove(EXTENSION))
    yield way("the extension's manifest is gone", "hook_changed", remove(f"{EXTENSION}/gemini-extension.json"))
    yield way("an entry was taken out", "hook_changed", change(hooks, _removed("hooks", "BeforeAgent")))
    yield way("an entry was changed", "hook_changed", change(hooks, _first_hook("BeforeAgent", command="true")))
    yield way("hooks are switched off", "hooks_disabled", change(GEMINI, _set(False, "hooksConfig", "enabled")),
              change(GEMINI, _removed("hooksConfig")))  # fmt: skip
    yield way("our hooks are switched off", "hooks_disabled", change(GEMINI, _set(["sos"], "hooksConfig", "disabled")),
              change(GEMINI, _removed("hooksConfig")))  # fmt: skip
    yield way("the extension is switched off", "plugin_disabled", _disabled_extension,
              remove(".gemini/extensions/extension-enablement.json"))  # fmt: skip
    yield way("our tools were taken out", "hook_changed",
              change(f"{EXTENSION}/gemini-extension.json", _removed("mcpServers", "sos")))  # fmt: skip
    yield way("the skill was edited", "skill_changed", edit(f"{EXTENSION}/skills/sos/SKILL.md", "lifeline", "leash"))


def _copilot() -> Iterator[Way]:
    extension = ".copilot/extensions/sos"

    def way(name: str, cause: str, do: Deed, mend: tuple[str, ...] | Deed | None = None) -> Way:
        return Way(name, cause, do, mend, runtime="copilot")

    yield way("the servers are cut off", "config_ignored", cut(COPILOT), repair(COPILOT))
    yield way("the servers are full of NULs", "config_ignored", zero(COPILOT), repair(COPILOT))
    yield way("the servers lack a colon", "config_ignored", edit(COPILOT, '"mcpServers":', '"mcpServers"'), repair(COPILOT))
    yield way("the servers are empty", "config_ignored", write(COPILOT, ""))
    yield way("the servers are a number", "config_ignored", write(COPILOT, '{"mcpServers": 5}'), _no_servers)
    yield way("the settings are cut off", "config_ignored", write(".copilot/settings.json", '{"banner": "never", "tr'),
              repair(".copilot/settings.json"))  # fmt: skip
    yield way("the hooks are cut off", "hook_changed", cut(COPILOT_HOOKS))
    yield way("the hooks are full of NULs", "hook_changed", zero(COPILOT_HOOKS))
    yield way("the hooks have a comma too many", "hook_changed", edit(COPILOT_HOOKS, "\n}", ",\n}"))
    yield way("the hooks are empty", "hook_changed", write(COPILOT_HOOKS, ""))
    yield way("the hooks' file is gone", "hook_gone", remove(COPILOT_HOOKS))
    yield way("an entry was taken out", "hook_changed", change(COPILOT_HOOKS, _removed("hooks", "userPromptSubmitted")))
    yield way("an entry was changed", "hook_changed", edit(COPILOT_HOOKS, '"userPromptSubmitted"', '"prompt"'))
    yield way("the file of hooks switches them off", "hook_changed", change(COPILOT_HOOKS, _set(True, "disableAllHooks")))
    yield way("a project switches all hooks off", "hooks_disabled", _project_settings, remove("work/.github"))
    yield way("our tools were taken out", "skill_changed", change(COPILOT, _removed("mcpServers", "sos")))
    yield way("the extension was edited", "skill_changed", edit(f"{extension}/extension.mjs", "joinSession()", "join()"))
    yield way("the extension is gone", "skill_changed", remove(extension))


def _no_servers(patient: Patient) -> None:
    write(COPILOT, "{}")(patient)
    patient.doctor("--fix")


def _opencode() -> Iterator[Way]:
    def way(name: str, cause: str, do: Deed, mend: tuple[str, ...] | Deed | None = None) -> Way:
        return Way(name, cause, do, mend, runtime="opencode")

    yield way("the config is cut off", "config_closed", cut(OPENCODE), repair(OPENCODE))
    yield way("the config is full of NULs", "config_closed", zero(OPENCODE), repair(OPENCODE))
    yield way("the config lacks a colon", "config_closed", edit(OPENCODE, '"theme":', '"theme"'), repair(OPENCODE))
    yield way("the config was emptied", "skill_changed", write(OPENCODE, ""))
    yield way("the servers are a number", "config_closed", write(OPENCODE, '{"mcp": 5}'), _no_mcp)
    yield way("the plugin is gone", "hook_gone", remove(PLUGIN))
    yield way("the plugin is cut off", "hook_changed", cut(PLUGIN))
    yield way("the plugin is full of NULs", "hook_changed", zero(PLUGIN))
    yield way("the plugin is empty", "hook_changed", write(PLUGIN, ""))
    yield way("the plugin was edited", "hook_changed", edit(PLUGIN, '"chat.message": async', '"chat": async'))
    yield way("our tools were taken out", "skill_changed", change(OPENCODE, _removed("mcp", "sos")))
    yield way("our tools are switched off", "skill_changed", change(OPENCODE, _set(False, "mcp", "sos", "enabled")))


def _no_mcp(patient: Patient) -> None:
    write(OPENCODE, "{}")(patient)
    patient.doctor("--fix")


WAYS_ELSEWHERE: tuple[Way, ...] = tuple(
    Way(**{**vars(each), "name": f"{each.runtime}: {each.name}"})
    for runtime, ways in (("codex", _codex), ("gemini", _gemini), ("copilot", _copilot), ("opencode", _opencode))
    for each in (*ways(), *_in_all(runtime))
)
