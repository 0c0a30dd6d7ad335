"""An agent that takes requests for a review, works on one for a while, and writes its file once, however often it is tried.

First: sos join --name reviewer --role code-reviewer --project demo --skill code-review
"""

import asyncio
import pathlib

from sos.sdk import Agent, Message

agent = Agent(name="reviewer", concurrency=4)
DONE = pathlib.Path("reviews")


@agent.on_message(kind="request", timeout=300)
async def review(message: Message) -> None:
    """Look at what was asked for; the reply and the acknowledgement are stored together when this returns."""
    for _ in range(3):
        await asyncio.sleep(1)  # here a model would be asked
        agent.progress()  # the lease goes on for as long as this is called within the timeout
    DONE.mkdir(exist_ok=True)
    # An effect elsewhere is made once by the message's id: a second attempt writes the same file.
    (DONE / f"{message.id}.txt").write_text(f"reviewed: {message.text}\n")
    agent.reply(message, "Looks good to me.")


@agent.on_message(kind="message")
def note(message: Message) -> None:
    """Everything else is only read."""
    print(f"{message.sender} ({message.assurance}): {message.text!r}")


if __name__ == "__main__":
    agent.start()
