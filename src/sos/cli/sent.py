"""Where everything stands that you sent, newest first."""

from __future__ import annotations

from sos.cli import forms
from sos.cli.command import limit
from sos.core.rendering import escape
from sos.model.times import ago

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.deliveries import Story
    from sos.model.times import Millis

EXAMPLE = "sos sent --limit 5"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos sent`."""
    parser.add_argument("--limit", type=limit, default=20, metavar="N", help="at most N messages (default 20)")


def run(command: Command) -> int:
    """List."""
    connection = command.connect()
    stories = connection.sent(command.arguments.limit)
    now = connection.clock.now()
    text = "\n".join(_line(story, now) for story in stories) or "nothing sent"
    command.out(text, {"agent": connection.me.slug, "sent": [forms.story(story) for story in stories]})
    return 0


def _line(story: Story, now: Millis) -> str:
    states = ", ".join(f"{slug} {forms.state(where)}" for slug, (where, _) in list(story.deliveries.items())[:5])
    more = len(story.deliveries) - 5
    first = escape(story.message.text.split("\n", 1)[0])[:50]
    return f"{story.message.id}  {ago(now - story.message.sent_at)} ago  [{states}{f', +{more}' if more > 0 else ''}]  {first}"
