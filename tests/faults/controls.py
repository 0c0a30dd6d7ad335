"""The table of negative controls: a defect each, the check that must catch it, and the rule that the check must name.

A check which cannot fail proves nothing. Each defect is a line or two of what a mistaken change could make of the real code.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from sos.core import rendering
from sos.hook import session
from sos.model import transitions
from sos.model.errors import StoreError
from sos.model.messages import KINDS
from sos.model.names import Slug
from sos.model.parcels import Parcel, Posted
from sos.model.streams import order
from sos.model.transitions import Ack, Answer, Lapse, Lease
from sos.runtimes import transcripts
from sos.stores.sqlite import mail, posting, retention, ring, rows
from sos.stores.sqlite.agents import SqliteDirectory
from sos.stores.sqlite.ballast import Ballast
from sos.stores.sqlite.batch import Batch
from sos.stores.sqlite.database import Database, Write
from sos.stores.sqlite.database import queries as real_queries
from sos.stores.sqlite.foreign import SqliteStreams
from sos.stores.sqlite.mail import SqliteMailbox
from sos.stores.sqlite.store import SqliteStore
from sos.testing import contracts, foreign, leases
from tests.faults import checks
from tests.faults.checks import Check

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Control:
    """One planted defect."""

    id: str
    defect: str
    plant: Callable[[Patch], None]
    check: Check
    rule: str


def rule(patch: Patch, action: type[Any], changed: Callable[..., Any]) -> None:
    """`changed(real, message, delivery, action)` instead of one rule of the transitions."""
    rules: dict[Any, Any] = transitions._RULES
    real = rules[action]
    patch.setitem(rules, action, lambda m, d, a: changed(real, m, d, a))


def sql(patch: Patch, name: str, old: str, new: str) -> None:
    """Other SQL in one statement of the mailbox."""

    def read(file: str) -> dict[str, str]:
        found = real_queries(file)
        if name in found:
            assert old in found[name]
            found[name] = found[name].replace(old, new)
        return found

    patch.setattr(mail, "queries", read)


def wrap(patch: Patch, owner: Any, name: str, changed: Callable[..., Any]) -> None:
    """`changed(real, *arguments)` instead of a function or method."""
    real = getattr(owner, name)
    patch.setattr(owner, name, lambda *arguments, **named: changed(real, *arguments, **named))


def no_fence(patch: Patch) -> None:
    rule(patch, Ack, lambda real, m, d, a: real(m, d, a.replace(fence=None)))


def lapse_keeps_the_fence(patch: Patch) -> None:
    rule(patch, Lapse, lambda real, m, d, a: transitions.Outcome(delivery=real(m, d, a).delivery.replace(fence=d.fence)))
    rule(patch, Ack, lambda real, m, d, a: real(m, d.replace(leased_until=a.at), a))


def a_lease_keeps_the_fence(patch: Patch) -> None:
    def leased(real: Any, m: Any, d: Any, a: Any) -> Any:
        made = real(m, d, a)
        return made.replace(delivery=made.delivery.replace(fence=max(d.fence, 1)))

    rule(patch, Lease, leased)
    rule(patch, Lapse, lambda real, m, d, a: transitions.Outcome(delivery=real(m, d, a).delivery.replace(fence=d.fence)))


def attempts_are_not_counted(patch: Patch) -> None:
    def leased(real: Any, m: Any, d: Any, a: Any) -> Any:
        made = real(m, d, a)
        return made.replace(delivery=made.delivery.replace(attempts=0))

    rule(patch, Lease, leased)


def leases_are_not_counted(patch: Patch) -> None:
    sql(patch, "leasable", "AND (leased_until IS NULL OR leased_until <= ?)", "AND ? > 0")


def leases_never_lapse(patch: Patch) -> None:
    wrap(patch, transitions, "due_action", lambda real, m, d, now: real(m, d.replace(leased_until=None), now))


def a_resend_doubles(patch: Patch) -> None:
    sql(patch, "add_message", "ON CONFLICT (id, sender) DO NOTHING", "")

    def opened(real: Any, store: SqliteStore, *arguments: Any, **named: Any) -> None:
        real(store, *arguments, **named)
        store._database.read("DROP INDEX message_id")

    wrap(patch, SqliteStore, "__init__", lambda real, *arguments, **named: opened(real, *arguments, **named))


def other_content_under_a_known_id(patch: Patch) -> None:
    patch.setattr(posting, "draft_of", lambda message: type("Same", (), {"__ne__": lambda *_: False})())


def no_digest(patch: Patch) -> None:
    wrap(patch, rows, "message_of", lambda real, row: (real(row)[0], True))


def a_damaged_row_stops_all(patch: Patch) -> None:
    def entries(real: Any, *arguments: Any) -> Any:
        found = real(*arguments)
        return [] if any(entry.damaged for entry in found) else found

    wrap(patch, SqliteMailbox, "entries", lambda real, *arguments: entries(real, *arguments))


def order_by_id(patch: Patch) -> None:
    sql(patch, "view_unread", "ORDER BY rank, seq", "ORDER BY rank, id")


def trimmed(patch: Patch) -> None:
    def post(real: Any, box: SqliteMailbox, parcels: Any) -> Any:
        made = real(box, parcels)
        for table, column in (("delivery", "message"), ("message", "seq")):
            box._database.read(f"DELETE FROM {table} WHERE {column} <= (SELECT max(seq) - 5 FROM message)")
        return made

    wrap(patch, SqliteMailbox, "_post", post)


def recipients_fixed_late(patch: Patch) -> None:
    def enrol(real: Any, directory: SqliteDirectory, joining: Any, now: Any) -> Any:
        made = real(directory, joining, now)
        broadcasts = "SELECT seq, (SELECT id FROM agent WHERE slug = ?), 1, NULL, 3, 0, 0, 0, 0, 0 FROM message WHERE kind = 5"
        kinds = directory._database.read("SELECT DISTINCT kind FROM message")
        statement = real_queries("mail")["add_delivery"].partition("VALUES")[0] + broadcasts
        for (kind,) in kinds:
            if KINDS[kind] == "broadcast":
                directory._database.read(statement.replace("kind = 5", f"kind = {kind}"), (joining.slug,))
        return made

    wrap(patch, SqliteDirectory, "enrol", enrol)


def retention_takes_live_mail(patch: Patch) -> None:
    def look(real: Any, kept: retention.Retention, now: Any, position: int, limit: int) -> Any:
        return [(seq, 1) for seq, _ in real(kept, now, position, limit)[:-1]]

    wrap(patch, retention.Retention, "_look", look)


def a_full_inbox_makes_room(patch: Patch) -> None:
    patch.setattr(posting, "INBOX_LIMIT", 10**9)


def no_reserve(patch: Patch) -> None:
    patch.setattr(posting, "_PRIVILEGED", frozenset())


def a_reply_closes_anothers_request(patch: Patch) -> None:
    class Anybody(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    def closes(real: Any, box: Any, reply: Any, batch: Any) -> None:
        real(box, reply.replace(draft=reply.draft.replace(to=Anybody(reply.draft.to))), batch)

    wrap(patch, posting.Posting, "_close_answered", closes)


def a_claim_closes_a_request(patch: Patch) -> None:
    wrap(patch, posting.Posting, "_close_answered", lambda real, box, p, batch: real(box, p.replace(assurance="token"), batch))


def an_answer_is_forgotten(patch: Patch) -> None:
    rule(patch, Answer, lambda real, m, d, a: transitions.Outcome(delivery=d))


def quiet_before_the_commit(patch: Patch) -> None:
    patch.setattr(Database, "once_committed", lambda database, action: action())


def unlink_after_the_commit(patch: Patch) -> None:
    patch.setattr(Batch, "ring", lambda batch, agent: batch._ring._database.after_commit(lambda: batch._ring.unquiet(agent)))


def no_ring_and_no_sweep(patch: Patch) -> None:
    patch.setattr(ring.Ring, "_wake", lambda self, waiters, agents: None)
    patch.setattr(ring, "SWEEP_SECONDS", 20.0)


def removed_before_it_is_sent(patch: Patch) -> None:
    from sos.homes import outbox

    def waiting(real: Any, home: str) -> Any:
        found = real(home)
        for queued in found:
            outbox.remove(home, queued.given.draft.id)
        return found

    wrap(patch, outbox, "waiting", waiting)


def marked_before_it_is_printed(patch: Patch) -> None:
    def text(real: Any, turn: session.Turn) -> str:
        made = str(real(turn))
        turn.settle(printed=bool(made))
        return made

    wrap(patch, session.Turn, "text", text)


def errors_are_empty(patch: Patch) -> None:
    def read(real: Any, *arguments: Any) -> Any:
        try:
            return real(*arguments)
        except StoreError:
            return []

    wrap(patch, Database, "read", read)
    patch.setattr(SqliteMailbox, "_key", lambda box, agent: None)


def own_output_is_evidence(patch: Patch) -> None:
    wrap(patch, transcripts, "_parsed", lambda real, line: {**real(line), "rendered": []})


def bodies_without_a_prefix(patch: Patch) -> None:
    wrap(patch, rendering, "fenced", lambda real, *arguments, **named: real(*arguments, **named).replace("\n| ", "\n"))


def characters_as_they_come(patch: Patch) -> None:
    patch.setattr(rendering, "escape", lambda text: text)


def one_nonce_for_all(patch: Patch) -> None:
    patch.setattr(rendering, "marker", lambda nonce, identifier: f"[sos 0123 {identifier}]")


def the_ballast_stays(patch: Patch) -> None:
    patch.setattr(Ballast, "give_up", lambda ballast: False)


def answered_before_the_commit(patch: Patch) -> None:
    def submit(real: Any, box: SqliteMailbox, parcel: Parcel) -> Future[Posted]:
        answered: Future[Posted] = Future()
        answered.set_result(Posted(parcel=parcel, seq=1, depth=1))
        real(box, parcel)
        return answered

    wrap(patch, SqliteMailbox, "submit", submit)


def an_error_commits(patch: Patch) -> None:
    patch.setattr(Write, "_roll_back", lambda write: write._database._connection.commit())


def one_cursor_for_two_streams(patch: Patch) -> None:
    def cursors(real: Any, streams: SqliteStreams, agent: str) -> Any:
        found = real(streams, agent)
        if len(found) < 2:
            return found
        furthest = max(found.values(), key=lambda cursor: order(cursor.position))
        return dict.fromkeys(found, furthest)

    wrap(patch, SqliteStreams, "_cursors", cursors)


def a_stale_importer_is_taken(patch: Patch) -> None:
    def take(real: Any, streams: SqliteStreams, agent: Slug, batch: Any, now: Any) -> Any:
        return real(streams, agent, batch.replace(expected=streams._cursors(agent).get(batch.stream)), now)

    wrap(patch, SqliteStreams, "take", take)


def of_contract(identifier: str, defect: str, plant: Callable[[Patch], None], kind: Any, method: str) -> Control:
    """A control that a test of the contract suite must catch."""
    return Control(identifier, defect, plant, checks.contract(kind, method), method)


# One line for each, so that a search for an id shows all of it.
# ruff: noqa: E501
# fmt: off
CONTROLS = [
    of_contract("C01", "an ack is taken under any fence", no_fence, leases.LeaseContract, "test_an_ack_of_a_lost_lease_is_refused"),
    Control("C02", "an ack is taken after the lease has lapsed", lapse_keeps_the_fence, checks.lapsed, "stale"),
    of_contract("C03", "a lease does not move the fence", a_lease_keeps_the_fence, leases.LeaseContract, "test_an_ack_of_a_lost_lease_is_refused"),
    of_contract("C04", "attempts are not counted at their start", attempts_are_not_counted, leases.LeaseContract, "test_after_five_starts_it_is_a_dead_letter_and_what_is_behind_flows"),
    of_contract("C05", "a lease keeps nobody out", leases_are_not_counted, leases.LeaseContract, "test_two_bodies_never_hold_one_message"),
    Control("C06", "a lease never lapses", leases_never_lapse, checks.lapsed, "stale"),
    Control("C07", "no unique id: a resend is stored twice", a_resend_doubles, checks.mail, "doubled"),
    of_contract("C08", "another text is taken under a known id", other_content_under_a_known_id, contracts.PostingContract, "test_the_same_id_with_other_content_is_refused_and_changes_nothing"),
    Control("C09", "no digest is checked", no_digest, checks.flipped, "changed"),
    Control("C10", "one damaged row hides the inbox", a_damaged_row_stops_all, checks.flipped, "hidden"),
    Control("C11", "order by id instead of arrival", order_by_id, checks.mail, "order"),
    Control("C12", "the oldest are trimmed, unread or not", trimmed, checks.mail, "lost"),
    Control("C13", "recipients of a broadcast are fixed late", recipients_fixed_late, checks.mail, "invented"),
    of_contract("C14", "retention removes live mail", retention_takes_live_mail, contracts.TimeContract, "test_what_is_over_goes_after_its_retention_and_unread_never"),
    of_contract("C15", "a full inbox refuses nobody", a_full_inbox_makes_room, contracts.PostingContract, "test_a_full_inbox_refuses_peers_and_keeps_room_for_the_operator"),
    of_contract("C16", "no reserve for the operator", no_reserve, contracts.PostingContract, "test_a_full_inbox_refuses_peers_and_keeps_room_for_the_operator"),
    Control("C17", "a reply closes another sender's request", a_reply_closes_anothers_request, checks.answered, "closed another's"),
    of_contract("C18", "a claimed sender closes a request", a_claim_closes_a_request, contracts.DeliveryContract, "test_a_claimed_sender_closes_nothing"),
    of_contract("C19", "an answer leaves its request open", an_answer_is_forgotten, contracts.DeliveryContract, "test_a_reply_closes_the_request_for_its_sender_only"),
    Control("C20", "the quiet file is made before the commit", quiet_before_the_commit, checks.quiet, "hidden"),
    Control("C21", "the quiet file is removed after the commit", unlink_after_the_commit, checks.quiet, "hidden"),
    Control("C22", "no ring is sent and nobody looks again", no_ring_and_no_sweep, checks.waiting, "deaf"),
    Control("C23", "the outbox forgets before the send", removed_before_it_is_sent, checks.drained, "lost"),
    Control("C24", "marked before it is printed", marked_before_it_is_printed, checks.printing, "hidden"),
    Control("C25", "an error reads as an empty inbox", errors_are_empty, checks.swallowed, "silence"),
    Control("C26", "the hook's own output proves arrival", own_output_is_evidence, checks.proven, "false evidence"),
    Control("C27", "bodies without a prefix leave their fence", bodies_without_a_prefix, checks.fenced, "fence"),
    Control("C28", "characters come out as they are", characters_as_they_come, checks.fenced, "hidden characters"),
    Control("C29", "one nonce for every rendering", one_nonce_for_all, checks.fenced, "nonce"),
    Control("C30", "the ballast is not given up", the_ballast_stays, checks.full, "no ack on a full disk"),
    Control("C31", "a group answers before its commit", answered_before_the_commit, checks.grouped, "lost"),
    of_contract("C32", "an error commits what was begun", an_error_commits, contracts.PostingContract, "test_a_batch_is_all_or_nothing"),
    Control("C33", "one cursor over two streams", one_cursor_for_two_streams, checks.cursors, "lost"),
    of_contract("C34", "a stale importer is taken", a_stale_importer_is_taken, foreign.StreamContract, "test_a_stale_importer_changes_nothing_and_is_told"),
]
# fmt: on

ELSEWHERE = [
    ("P01", "synchronous=NORMAL: the log is not synced at a commit", "test_power.py", "lost"),
    ("P02", "homes are not synced", "test_power.py", "a join or token that was confirmed is gone"),
    ("P03", "rings and quiet files in the wrong order, eleven ways", "test_quiet_protocol.py", "a ring is lost"),
    ("P04", "no fence check, in the user's command", "test_user_command.py", "stale"),
    ("P05", "a commit that fails is taken for done", "test_steps.py", "lost"),
    ("P06", "no fence check, between steps that are killed", "test_steps.py", "stale"),
    ("P07", "no fence check, where a reply of Redis is lost", "test_redis_replies.py", "stale"),
]
"""Controls that need more than a patch, and stand beside the check that they belong to."""
