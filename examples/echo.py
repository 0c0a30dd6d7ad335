"""An agent that answers whatever it is told. First: sos join --name echo --role service --project demo"""

from sos.sdk import Agent, Message

agent = Agent(name="echo")


@agent.on_message
def handle(message: Message) -> None:
    """Answer with the same text."""
    agent.reply(message, message.text)


if __name__ == "__main__":
    agent.start()
