"""Roles: the seven that the mesh knows, and the one table that maps what people write onto them."""

from __future__ import annotations

from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Role = Literal["coordinator", "executor", "specialist", "oracle", "medic", "service", "human"]

ROLES: dict[Role, str] = {
    "coordinator": "gives out work and follows it up",
    "executor": "does the work",
    "specialist": "knows one field and is asked for it",
    "oracle": "researches, thinks ahead, advises",
    "medic": "helps agents that are stuck",
    "service": "runs without a conversation",
    "human": "a person",
}

LABELS: dict[str, Role] = {
    "code-reviewer": "specialist",
    "reviewer": "specialist",
    "qa": "specialist",
    "tester": "specialist",
    "security": "specialist",
    "designer": "specialist",
    "writer": "specialist",
    "builder": "executor",
    "developer": "executor",
    "coder": "executor",
    "engineer": "executor",
    "worker": "executor",
    "lead": "coordinator",
    "planner": "coordinator",
    "orchestrator": "coordinator",
    "manager": "coordinator",
    "architect": "coordinator",
    "researcher": "oracle",
    "strategist": "oracle",
    "analyst": "oracle",
    "advisor": "oracle",
    "sre": "medic",
    "on-call": "medic",
    "ops": "medic",
    "bot": "service",
    "daemon": "service",
    "operator": "human",
    "user": "human",
}

UNKNOWN: Role = "executor"
MAX_LABEL = 64


def role_of(label: str) -> tuple[Role, bool]:
    """The mesh role of a free label, and whether the table knew it. Case, blanks and underscores do not matter.

    Raises InvalidInput for a label that is no short printable line.
    """
    if not (0 < len(label.strip()) <= MAX_LABEL and label.isprintable()):
        step = "say it in a word or two, for example --role builder"
        raise InvalidInput(f"a role is one line of 1 to {MAX_LABEL} printable characters", next_step=step)
    key = "-".join(label.lower().replace("_", " ").replace("-", " ").split())
    for role in ROLES:
        if role == key:
            return role, True
    known = LABELS.get(key)
    return (UNKNOWN, False) if known is None else (known, True)
