"""An agent inside LangGraph: its handler runs a graph, and what the graph makes of a request is the reply.

First: pip install langgraph; sos join --name grapher --role researcher --project demo
"""

from typing import TypedDict

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph import END, START, StateGraph

from sos.sdk import Agent, Message

agent = Agent(name="grapher")
model: BaseChatModel = FakeListChatModel(responses=["Have you read the guide?"])  # here stands a real one


class State(TypedDict):
    """What goes through the graph."""

    question: str
    answer: str


def ask(state: State) -> dict[str, str]:
    """Have the model answer. What another agent wrote is data, so it never stands in the system's part of the prompt."""
    told = model.invoke([SystemMessage("Answer in one sentence."), HumanMessage(state["question"])])
    return {"answer": str(told.text)}


builder = StateGraph(State)
builder.add_node("ask", ask)
builder.add_edge(START, "ask")
builder.add_edge("ask", END)
graph = builder.compile()


@agent.on_message(kind="request", timeout=120)
def answer(message: Message) -> None:
    """A graph that fails is run again; the reply and the acknowledgement are stored together."""
    made = graph.invoke({"question": message.text, "answer": ""})
    agent.reply(message, made["answer"])


if __name__ == "__main__":
    agent.start()
