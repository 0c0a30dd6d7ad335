"""Every error that SOS raises on purpose: one tree, a stable code each, and what to do next.

A type exists where a different response is needed. `code` is what scripts, HTTP and MCP see and never changes; `exit_code`
is what a command ends with: 1 expected trouble, 2 usage, 75 try again later.
"""

from __future__ import annotations

from sos.model.redaction import redacted


class SosError(Exception):
    """Expected trouble. `message` says what happened, `next_step` which command to type now.

    Neither ever holds a token, whatever was typed where a name or an id belongs.
    """

    code = "error"
    exit_code = 1
    next_step = "sos guide"

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        self.message = redacted(message)
        super().__init__(self.message)
        if next_step is not None:
            self.next_step = redacted(next_step)
        self.add_note(f"next: {self.next_step}")  # shown where a program of the user's ends with it; no part of `str`


# --- what was asked for cannot be done as asked: change the input -------------------------------------------------


class InvalidInput(SosError):
    """A value is not of its form."""

    code = "invalid_input"
    exit_code = 2
    next_step = "sos --help"


class BadName(InvalidInput):
    """A name that has no slug."""

    code = "bad_name"


class ReservedName(BadName):
    """A name that SOS keeps for itself."""

    code = "reserved_name"


class TextTooLong(InvalidInput):
    """A body over 64 KiB."""

    code = "text_too_long"
    next_step = "put the text into a file and send its path"


class TokenInArguments(InvalidInput):
    """A token-shaped argument: refused unread, since every process of the machine can read arguments."""

    code = "token_in_arguments"
    next_step = "sos token import --token-file PATH   (or '-' to read standard input)"


class UnreadableJson(InvalidInput):
    """Text that is not one strict JSON document."""

    code = "unreadable_json"


class AnswerLost(SosError):
    """It was done, and its answer could not be written: standard output is closed or full."""

    code = "answer_lost"
    next_step = "sos sent   (or: sos inbox; nothing that was not written counts as read)"


# --- it clashes with what exists ----------------------------------------------------------------------------------


class Conflict(SosError):
    """What was asked for clashes with what is there."""

    code = "conflict"


class SlugTaken(Conflict):
    """The slug belongs to another identity."""

    code = "slug_taken"


class ProjectChanged(Conflict):
    """An agent does not change its project by joining again."""

    code = "project_changed"
    next_step = "join under another name: a project is for an identity's life"


class IdConflict(Conflict):
    """The same sender used one message id for two contents."""

    code = "id_conflict"
    next_step = "send it under a new id (leave out --id)"


class InboxFull(Conflict):
    """The recipient's inbox holds as many unread messages as it may. Nothing was stored."""

    code = "inbox_full"
    next_step = "sos peers   (ask another agent, or wait until this one reads)"


class TooManyHops(Conflict):
    """A conversation of answers to answers has gone on for too long: it may be two programs answering each other."""

    code = "too_many_hops"
    next_step = "to go on on purpose, begin anew: sos send AGENT TEXT"


class StaleFence(Conflict):
    """The lease was lost to another body: this acknowledgement comes too late and changed nothing."""

    code = "stale_fence"
    next_step = "drop the result; the message is with another body"


class TaskTaken(Conflict):
    """Another agent has claimed the task, or it has ended."""

    code = "task_taken"
    next_step = "sos task claim   (the next one that is open)"


class TaskBlocked(Conflict):
    """The task waits for others, or for whoever can say that it goes on."""

    code = "task_blocked"
    next_step = "sos task show ID   (what it waits for)"


class HeldElsewhere(Conflict):
    """Another live session is the context holder of this inbox."""

    code = "held_elsewhere"
    next_step = "sos take"


# --- it is not there, or not yours (the two look alike across projects) -------------------------------------------


class NotFound(SosError):
    """No such thing, or not visible to this agent."""

    code = "not_found"


class UnknownAgent(NotFound):
    """No agent of this name."""

    code = "unknown_agent"
    next_step = "sos peers"


class UnknownMessage(NotFound):
    """No message of this id, for this agent."""

    code = "unknown_message"
    next_step = "sos inbox   (or: sos sent)"


class UnknownTask(NotFound):
    """No task of this id, for this agent."""

    code = "unknown_task"
    next_step = "sos task list"


class NoRecipients(NotFound):
    """A broadcast that nobody would receive."""

    code = "no_recipients"
    next_step = "sos peers"


# --- who are you ----------------------------------------------------------------------------------------------------


class Unauthenticated(SosError):
    """It cannot be said who acts."""

    code = "unauthenticated"
    next_step = "sos whoami"


class NobodyHere(Unauthenticated):
    """No agent is bound to this session, directory or environment, and nothing is guessed."""

    code = "nobody_here"
    next_step = "sos connect claude --as SLUG   (or name the agent: --as SLUG)"


class InvitationNeeded(Unauthenticated):
    """A bus behind a server is joined by an invitation the first time."""

    code = "invitation_needed"
    next_step = "the operator makes one: sos token mint join --name NAME --role ROLE --out FILE; then: sos join … --invite FILE"


class WrongAgent(Unauthenticated):
    """Inside a session, another agent's home was asked for."""

    code = "wrong_agent"
    next_step = "run it in a terminal of your own, outside the session"


class TokenRefused(Unauthenticated):
    """A token that opens nothing: damaged, unknown, expired, revoked, or of another kind."""

    code = "token_refused"
    next_step = "sos token where"


class TokenDamaged(TokenRefused):
    """The characters of a token do not add up: a typo, a cut, or a broken file."""

    code = "token_damaged"


class TokenWrongKind(TokenRefused):
    """A token of one service was shown to another."""

    code = "token_wrong_kind"


class TokenExpired(TokenRefused):
    """The token's life is over."""

    code = "token_expired"
    next_step = "sos join --name NAME"


class TokenRevoked(TokenRefused):
    """The token was revoked."""

    code = "token_revoked"


class Forbidden(SosError):
    """Known, and not allowed."""

    code = "forbidden"


class ScopeMissing(Forbidden):
    """The token was narrowed: this operation is not among its scopes."""

    code = "scope_missing"
    next_step = "sos token where   (which token counts here), then: sos token list   (its scopes: --json)"


# --- the place where things are kept ------------------------------------------------------------------------------


class HomeError(SosError):
    """An agent's home cannot be used as it is."""

    code = "home_error"


class HomeNotPrivate(HomeError):
    """Others can read or write where tokens are kept."""

    code = "home_not_private"


class HomeDamaged(HomeError):
    """A file of the home cannot be read."""

    code = "home_damaged"


class BusMismatch(HomeError):
    """The environment names another bus than the home joined."""

    code = "bus_mismatch"
    next_step = "unset SOS_STORE and SOS_URL, or use the SOS_HOME that belongs to that bus"


class StoreError(SosError):
    """The store cannot serve."""

    code = "store_error"


class StoreMissing(StoreError):
    """Homes exist and their store is gone: never silently a new world."""

    code = "store_missing"
    next_step = "sos doctor   (names the command that puts the newest copy back)"


class StoreDamaged(StoreError):
    """The store's file is not a sound database of ours."""

    code = "store_damaged"
    next_step = "sos doctor   (names the command that puts the newest copy back)"


class UpgradeNeeded(StoreError):
    """The store was written by a newer major version."""

    code = "upgrade_needed"
    next_step = "uv tool upgrade sos-lifeline   (or: pipx upgrade sos-lifeline)"


class NetworkFileSystem(StoreError):
    """SQLite's locks and our own do not hold on network file systems."""

    code = "network_file_system"
    next_step = "set SOS_HOME to a directory on a local disk"


class StoreUnfit(StoreError):
    """The server's version, settings or permissions cannot keep the promise: nothing is stored in it."""

    code = "store_unfit"
    next_step = "mend the server's settings, or use another server"


class StoreUnreachable(StoreError):
    """The store did not answer in time. What was to be sent is unknown or queued, never lost."""

    code = "store_unreachable"
    exit_code = 75
    next_step = "try again; if it stays so: sos doctor   (what was to be sent waits: sos outbox)"


class RateLimited(StoreUnreachable):
    """More was asked than a server answers one token, or one place that shows wrong ones, in a while."""

    code = "rate_limited"
    next_step = "ask less often; what was to be sent waits: sos outbox"


class StorageFull(StoreUnreachable):
    """The disk is full."""

    code = "storage_full"
    next_step = "where the store is: sos watchdog --once   (where the space went); free some, then try again"


class NotQueued(StorageFull):
    """The disk is full, and what was to be sent could not be kept either: nobody will send it."""

    code = "not_queued"
    exit_code = 1


# --- foreign files ------------------------------------------------------------------------------------------------


class RuntimeConfigError(SosError):
    """A runtime's own files cannot be used as they are."""

    code = "runtime_config"


class EphemeralInterpreter(RuntimeConfigError):
    """The running Python will be gone tomorrow; a hook that names it would be deaf."""

    code = "ephemeral_interpreter"
    next_step = "uv tool install sos-lifeline   (or: pipx install sos-lifeline), then connect again"


class GuideTampered(SosError):
    """The recovery guide on disk is not the one that was shipped."""

    code = "guide_tampered"
    next_step = "reinstall sos-lifeline"
