"""The four questions: who am I, where is my inbox, what can I do, what do I do when stuck. Computed, never asserted."""

from __future__ import annotations

from sos.model.findings import Answer, Finding
from sos.model.shell import shell_word as shell_word
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.ports import Store


def answers(store: Store, agent: Agent, guide: str | None) -> list[Answer]:
    """The four answers for an agent; `guide` is the path of its installed guide, if it can be read."""
    return [_identity(agent), _inbox(agent), _skills(store, agent), _guide(agent, guide)]


def mend(agent: Agent) -> str:
    """The command that makes an agent whole again: role, project and what else is known stay as they are."""
    return f"sos join --name {shell_word(agent.name)}"


def _identity(agent: Agent) -> Answer:
    enrolled = agent.status == "open"
    said = f"{agent.name} ({agent.slug}), {agent.role}, project {agent.project}"
    return Answer(
        question="Who am I?",
        good=enrolled,
        answer=said if enrolled else f"{said}, which has left",
        next_step="" if enrolled else mend(agent),
    )


def _inbox(agent: Agent) -> Answer:
    if agent.proven_at is not None:
        said = f"proven at {iso(agent.proven_at)}: {agent.proven_by}"
    elif agent.canary_at is not None:
        said = f"tested: a canary came through at {iso(agent.canary_at)}; not yet proven in the context"
    else:
        said = "no test message has come through"
    good = agent.canary_at is not None or agent.proven_at is not None
    return Answer(question="Where is my inbox?", good=good, answer=said, next_step="" if good else mend(agent))


def _skills(store: Store, agent: Agent) -> Answer:
    names = [skill.id for skill in store.skills.list(agent.project, agent.slug) if skill.status == "active"]
    return Answer(question="What can I do?", good=True, answer=", ".join(names) or "none declared")


def _guide(agent: Agent, path: str | None) -> Answer:
    return Answer(
        question="What do I do when stuck?",
        good=path is not None,
        answer=path or "the recovery guide is not installed, or was changed",
        next_step="" if path else mend(agent),
    )


def findings(found: list[Answer]) -> list[Finding]:
    """What keeps an agent from being onboarded."""
    return [
        Finding(code="not_onboarded", severity="warning", what=f"{each.question} {each.answer}", next_step=each.next_step)
        for each in found
        if not each.good
    ]
