"""Which scopes each operation needs: one table for the connection, the OpenAPI document and the tests of every cell.

An operation needs one scope of each of its groups. Some need more where they reach further: a message or a squad of another
project `send:any-project`, a broadcast to all projects `admin`; they ask for it where they know that they do.
"""

from __future__ import annotations

_INBOX = (("inbox:self",),)
_SELF = (("enrol:self",),)
_SEND = ("send:project", "send:any-project")
_PEERS = (("peers:read",),)
_SKILLS = (("skills:self",),)
_TASKS = (("tasks:project",),)
_ADMIN = (("admin",),)

RIGHTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "send": (_SEND,),
    "broadcast": (("broadcast:project", "admin"),),
    "reply": (("inbox:self",), _SEND),
    "sent": _INBOX,
    "trace": _INBOX,
    "inbox": _INBOX,
    "count": _INBOX,
    "read": _INBOX,
    "ack": _INBOX,
    "mark": _INBOX,
    "requeue": _INBOX,
    "drop": _INBOX,
    "take": _INBOX,
    "wait": _INBOX,
    "look": _INBOX,
    "settle": _INBOX,
    "lease": _INBOX,
    "extend": _INBOX,
    "release": _INBOX,
    "conclude": _INBOX,
    "beat": _INBOX,
    "canary": _INBOX,
    "canary_came_back": _INBOX,
    "myself": (),
    "answers": (),
    "peers": _PEERS,
    "squad": _PEERS,
    "streams": _INBOX,
    "note": _INBOX,
    "leave_note": _INBOX,
    "attend": _SELF,
    "leave": _SELF,
    "join_again": _SELF,
    "tokens": (("enrol:self", "peers:read"),),
    "add_token": _SELF,
    "revoke_token": _SELF,
    "enrol": (("join",),),
    "invite": _ADMIN,
    "grant": _ADMIN,
    "adopt_agent": _ADMIN,
    "adopt_mail": _ADMIN,
    "adopt_task": _ADMIN,
    "skills": (),
    "change_squad": _SKILLS,
    "put_skills": _SKILLS,
    "add_task": _TASKS,
    "tasks": _TASKS,
    "task": _TASKS,
    "claim_task": _TASKS,
    "change_task": _TASKS,
}
OWN = frozenset(
    ("ack", "mark", "requeue", "drop", "take", "look", "settle", "canary_came_back", "claim_task", "change_task", "lease",
     "extend", "release", "conclude", "beat")
)  # fmt: skip
"""Operations of the agent's own body alone: anybody else only looks."""
