"""Hands one agent's messages to its command: an agent of the SDK whose one handler runs it."""

from __future__ import annotations

from sos.model.deliveries import MAX_ATTEMPTS
from sos.model.errors import SosError
from sos.sdk import Agent
from sos.watch.commands import CommandFailed, Commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.sdk import Message
    from sos.watch.rules import Rule
    from sos.watch.state import State

MARGIN = 30.0
"""Seconds that a handler has beyond its command's own."""


class Handover:
    """One agent, received for by one rule. Raises, when it is made, what `sos.sdk.Agent` raises."""

    def __init__(self, rule: Rule, state: State, does: str) -> None:
        self._rule = rule
        self._state = state
        self._does = does
        self._commands = Commands(rule)
        self._agent = agent = Agent(name=rule.agent, concurrency=rule.at_once)
        agent.on_error = self._failed  # type: ignore[method-assign]
        agent.on_message(timeout=rule.timeout + MARGIN)(self._handle)

    def _handle(self, message: Message) -> None:
        text = self._commands.run(message)
        if text:
            self._agent.reply(message, text)
        self._state.went_well(self._rule.agent, self._does)

    def _failed(self, error: Exception, message: Message | None) -> None:
        self._state.failed(self._rule.agent, self._does, _told(error, message), failing=message is not None)

    def start(self) -> None:
        """Begin to receive."""
        self._agent.run_in_background()

    def once(self) -> int:
        """Hand over what is due now; how many messages were."""
        try:
            return self._agent.run_once()
        finally:
            self._commands.end()

    def stop(self) -> None:
        """Take no more; what runs may end within some seconds, then it is ended and its message given back."""
        self._agent.stop()
        self._commands.end()


def _told(error: Exception, message: Message | None) -> str:
    what = error.message if isinstance(error, SosError) else f"{type(error).__name__}: {error}"
    if message is None:
        return what
    comes = ""
    if isinstance(error, CommandFailed):
        last = message.attempt >= MAX_ATTEMPTS
        comes = "; it does not come again: sos dead list --as " + message.entry.delivery.recipient if last else "; it comes again"
    return f"message {message.id} from {message.sender}, attempt {message.attempt}: {what}{comes}"
