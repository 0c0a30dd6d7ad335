"""For authors of agents: `from sos.sdk import Agent`. Standard library alone."""

from sos.sdk.agent import Agent
from sos.sdk.messages import Message, Sent
from sos.sdk.requests import NoAnswer, Request

__all__ = ["Agent", "Message", "NoAnswer", "Request", "Sent"]
