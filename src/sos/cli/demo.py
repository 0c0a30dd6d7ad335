"""The main job in a temporary home: two agents join, one sends, the hook prints what Claude Code puts into the context."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from sos.cli.command import Command

EXAMPLE = "sos demo"
SESSION = "5a12d4d5-9fbf-4f6f-986a-56e12955edf9"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Run the real commands one after the other and show what they print."""
    with tempfile.TemporaryDirectory(prefix="sos-demo-") as folder:
        demo = Demo(folder, sys.stderr if command.json else sys.stdout)
        demo.say("Two agents join. No server, no account.")
        demo.sos(
            "join",
            "--name",
            "mumega.codecheck",
            "--role",
            "code-reviewer",
            "--project",
            "sos",
            "--skill",
            "code-review",
        )
        demo.sos("join", "--name", "kasra", "--role", "builder", "--project", "sos")
        demo.say("Claude Code is connected: sessions in this directory are mumega-codecheck.")
        demo.sos("connect", "claude", "--as", "mumega-codecheck", "--dir", folder)
        demo.hook("SessionStart", source="startup")
        demo.say("From another terminal, kasra sends a request.")
        sent = demo.sos("send", "--as", "kasra", "--request", "--deadline", "5m", "mumega-codecheck", "please review the parser")
        demo.say("At the next prompt the installed hook runs. Claude Code puts this text into the model's context:")
        demo.hook("UserPromptSubmit", prompt="go on")
        message = _id_in(sent)
        demo.say("The agent answers from inside its session; it waits in the inbox of kasra.")
        demo.sos("reply", message, "I can take this.", session=True)
        demo.sos("inbox", "--as", "kasra")
        demo.say("trace tells the story; it claims no arrival that it has no evidence for (there is no transcript here).")
        demo.sos("trace", "--as", "kasra", message)
        demo.say("And when everything else is broken, the guide opens:")
        demo.sos("guide", lines=12)
    if command.json:
        command.out("", {"id": message, "shown": "on standard error"})
    return 0


def _id_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text)
    if found is None:
        raise RuntimeError(f"no message id in {text!r}")
    return found.group()


class Demo:
    """A temporary home in which real commands run."""

    def __init__(self, folder: str, stream: TextIO) -> None:
        self._folder = folder
        self._stream = stream
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SOS_", "CLAUDE"))}
        self._environment = {**kept, "HOME": folder, "SOS_HOME": os.path.join(folder, ".sos")}

    def say(self, text: str) -> None:
        """What happens next."""
        self._stream.write(f"\n# {text}\n")
        self._stream.flush()

    def sos(self, *words: str, session: bool = False, lines: int = 40) -> str:
        """Run one command, as the operator or inside the agent's session, and show what it prints."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        environment = {**self._environment, "CLAUDE_CODE_SESSION_ID": SESSION} if session else self._environment
        done = subprocess.run(
            [sys.executable, "-m", "sos", *words],
            env=environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = (done.stdout + done.stderr).rstrip().split("\n")
        more = [f"… ({len(printed) - lines} more lines)"] if len(printed) > lines else []
        self._stream.write("\n".join([f"$ sos {shown}", *printed[:lines], *more]) + "\n")
        if done.returncode != 0:
            raise RuntimeError(f"sos {shown} ended with {done.returncode}")
        return done.stdout

    def hook(self, event: str, **fields: str) -> None:
        """Run the installed hook command as Claude Code does, and show the context that it makes."""
        with open(os.path.join(self._folder, ".claude", "skills", "sos", "hooks", "hooks.json"), encoding="utf-8") as file:
            line = json.load(file)["hooks"][event][0]["hooks"][0]["command"]
        told = {"session_id": SESSION, "hook_event_name": event, "cwd": self._folder, "transcript_path": "", **fields}
        done = subprocess.run(["/bin/sh", "-c", line], env={**self._environment, "CLAUDE_CODE_SESSION_ID": SESSION},
                              input=json.dumps(told), capture_output=True, text=True, check=True)  # fmt: skip
        context = json.loads(done.stdout)["hookSpecificOutput"]["additionalContext"]
        self._stream.write(f"(hook {event})\n" + "\n".join(f"    {each}" for each in context.split("\n")) + "\n")
