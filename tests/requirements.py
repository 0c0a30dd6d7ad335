"""Every promise of the design with an id and a state: tests name the ids, and test_requirements.py checks both directions.

A promise is one sentence that a test can find false. Its state is one of:

planned  not built yet; no test names it
kept     built, and at least one test (or, for a number, a command under bench/) shows it
open     built, but not shown, or known not to hold everywhere; tests may name it
"""

# One line per promise, so that a search for an id shows all of it and a change of state is a change of one word.
# ruff: noqa: E501

from dataclasses import dataclass
from typing import Literal

State = Literal["planned", "kept", "open"]


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence we stand by: id, text, section of the design, state, and for a number the command that measures it."""

    id: str
    text: str
    source: str
    state: State
    bench: str | None = None


# fmt: off
PROMISES: tuple[Promise, ...] = (
    # What it is: the four questions
    Promise("READY-001", "`sos whoami` computes the four answers from what is stored and measured: undo what an answer rests on, and the next call shows the answer missing.", "§1", "kept"),
    Promise("READY-002", "With any answer missing, `sos whoami` says merely running, names which answer is missing, and gives the command that mends it.", "§1", "kept"),
    Promise("READY-003", "The inbox answer is good only once a test message has come through it, and *proven* only once a message stood in the agent's context or its handler acked one.", "§1", "kept"),
    Promise("READY-004", "The skills answer is good when every declared skill is visible to others (or none is declared), the stuck answer while the installed guide can be read without any service.", "§1", "kept"),

    # The package and its shape
    Promise("PACKAGE-001", "The base install brings no third-party package, and every command outside the extras runs with the standard library alone.", "§2", "kept"),
    Promise("PACKAGE-002", "`sos`, `sos-lifeline` and `python -m sos` are the same command.", "§2", "kept"),
    Promise("PACKAGE-003", "The tests pass on Python 3.11, 3.12, 3.13 and 3.14 on Linux; a platform that no run has covered is called untested in the docs.", "§2", "planned"),
    Promise("PACKAGE-004", "A command that needs an absent extra says which one and the command that installs it.", "§2", "kept"),
    Promise("PACKAGE-005", "Imports point down the layers, exhaustively and without cycles; redis is imported in stores/redis alone, and server imports neither sdk nor remote.", "§3", "kept"),
    Promise("PACKAGE-006", "The modules that each entry point loads are a fixed list; one more fails a test.", "§3", "kept"),

    # Identity: names, slugs, roles
    Promise("NAME-001", "A name becomes its slug by one idempotent rule: lower-case, each run outside `[a-z0-9]` one `-`, trimmed, matching `^[a-z][a-z0-9-]{0,61}[a-z0-9]$`; `mumega.codecheck` gives `mumega-codecheck`.", "§4", "kept"),
    Promise("NAME-002", "Refused before any mapping, with a suggestion: non-ASCII, empty, `/`, `\\`, `..`, NUL, control characters, more than 63 characters, and the reserved words.", "§4", "kept"),
    Promise("NAME-003", "A slug belongs to the identity that took it until `sos leave`; another name with the same slug gets 409 `slug_taken` and a suggestion that is free.", "§4", "kept"),
    Promise("NAME-004", "The same OS user joining the same name again in the embedded store, also many times at once, is one agent with one inbox.", "§4", "kept"),
    Promise("NAME-005", "Over a server, joining again with the agent's token or an invitation is the same agent.", "§4", "kept"),
    Promise("NAME-006", "Joining again with another role or other skills updates the agent and prints the difference; another project is refused and changes nothing.", "§4", "kept"),
    Promise("ROLE-001", "Every label of the documented table maps to its mesh role, the page is rendered from the same table, and the label as given stays beside the role.", "§4", "kept"),
    Promise("ROLE-002", "An unknown label becomes executor, with a warning.", "§4", "kept"),
    Promise("OPERATOR-001", "The first command on an empty home makes the principal `operator`, role human, with an inbox of its own.", "§4", "kept"),
    Promise("OPERATOR-002", "Where no agent is resolved, the command line acts as the operator outside every runtime session, and never inside one.", "§4", "kept"),
    Promise("OPERATOR-003", "In the embedded store no role and no rank gives a right over another agent: rank decides the order of messages, and who still finds room in a full inbox.", "§4", "kept"),

    # Identity: homes, and who am I here
    Promise("HOME-001", "An agent's home is `$SOS_HOME/agents/<slug>/` (default `~/.sos`), 0700 and 0600 whatever the umask; one that others may read or write is refused with the command that mends it.", "§4", "kept"),
    Promise("HOME-002", "A home holds the identity with the bus it joined and its epoch, one token per service, the cursor cache, the outbox, the guide and the log.", "§4", "kept"),
    Promise("HOME-003", "An environment that names another bus than the home is refused with `bus_mismatch`.", "§4", "kept"),
    Promise("WHO-001", "Who acts is resolved in one order: `--as` or the given token, the record of the session, `SOS_AGENT` at its start, the nearest bound directory, an agent bound everywhere, outside a session the operator; the token of the home so found is the identity.", "§4", "kept"),
    Promise("WHO-002", "Where that order gives nothing, the call is refused and the possible agents are listed.", "§4", "kept"),
    Promise("WHO-003", "Hook and command line give the same answer in the same place.", "§4", "kept"),
    Promise("WHO-004", "After session start every call of that session is the same agent, wherever it runs and whatever is bound later.", "§4", "kept"),
    Promise("WHO-005", "In Claude Code, the session's own shell carries its session id, so that `sos reply` typed by the model is that agent.", "§4", "kept"),
    Promise("WHO-006", "Inside a session `--as` of another home is refused.", "§4", "kept"),
    Promise("WHO-007", "In an unbound session, and at events of subagents, the hook prints nothing and marks nothing.", "§4", "kept"),
    Promise("WHO-008", "Two terminals of one user, bound to two agents, each see their own mail and none of the other's.", "§4", "kept"),
    Promise("WHO-009", "One inbox has one context holder: a second session on it only lists and is told who holds it, until `sos take` makes it the holder and the former one only lists.", "§4", "kept"),
    Promise("WHO-010", "A holder whose lease has lapsed no longer keeps the next session from its inbox.", "§4", "kept"),
    Promise("WHO-011", "While an SDK body holds an inbox, a session on it only lists.", "§4", "kept"),
    Promise("WHO-012", "The agent tools and the SDK give the same answer in the same place as hook and command line.", "§4", "kept"),

    # Identity: bodies and presence
    Promise("PRESENCE-001", "Each place an agent runs in is a body of its own (runtime, host, boot id, pid, cwd, session id, version), working, idle, closed or unknown by its own events.", "§4", "kept"),
    Promise("PRESENCE-002", "A body that promises heartbeats is stale after 300 s and gone after 900 s without one.", "§4", "kept"),
    Promise("PRESENCE-003", "A coding agent's body is never called stale or gone for silence alone.", "§4", "kept"),
    Promise("PRESENCE-004", "A closed agent's record stays, and search shows it labelled closed.", "§4", "kept"),
    Promise("PRESENCE-005", "Enrolment over a server needs an invitation or a token; the install id tells one tried again (same agent) from a copied home (reported as a clone).", "§4", "kept"),

    # Tokens
    Promise("TOKEN-001", "A token is `sos_<kind>_<keyid><secret><crc>`, kind one of join, reg, sqd, bus, adm, secret of 256 bits; with any one character changed it is refused offline.", "§5", "kept"),
    Promise("TOKEN-002", "The store holds of a token its SHA-256, service, agent, project, scopes and times; the secret is in no file of the store.", "§5", "kept"),
    Promise("TOKEN-003", "A token-shaped command line argument is refused unread, and no token value stands in a URL, a log, an error, or the printed form of any object.", "§5", "kept"),
    Promise("TOKEN-004", "A token of the wrong kind is refused with the kind shown, the kind needed, and the command to get it.", "§5", "kept"),
    Promise("TOKEN-005", "A token is taken from the first of: `--token-file`, `SOS_<SERVICE>_TOKEN`, `SOS_<SERVICE>_TOKEN_FILE`, the agent's home; never from another service.", "§5", "kept"),
    Promise("TOKEN-006", "`sos token where` prints that order with the key id found at each place, never a value.", "§5", "kept"),
    Promise("TOKEN-007", "`sos token mint`, `list` and `show` make tokens and describe them by key id, service, scopes and times.", "§5", "kept"),
    Promise("TOKEN-008", "Rotation proves the new token before the old one dies; killed at any point, one of the two works and is in the home.", "§5", "kept"),
    Promise("TOKEN-009", "A revoked token is refused at the next request.", "§5", "kept"),
    Promise("TOKEN-010", "An open stream of a revoked token ends within 1 s.", "§5", "kept"),
    Promise("TOKEN-011", "An invitation works once, for 15 minutes, for its slug, role and project alone, and is read from a file or stdin.", "§5", "kept"),
    Promise("TOKEN-012", "Tokens of a server live 30 days, and the agent's own side renews them at two thirds of that, under the home's lock.", "§5", "kept"),
    Promise("TOKEN-013", "Tokens of the embedded store do not expire unless a lifetime was asked for.", "§5", "kept"),
    Promise("TOKEN-014", "An operation whose scope the token lacks is refused, and an agent's token never carries `admin`.", "§5", "kept"),
    Promise("TOKEN-015", "The project comes from the token: what is another project's gets the same answer as what does not exist, save that a slug is taken.", "§5", "kept"),
    Promise("TOKEN-016", "Embedded agents may send to any project.", "§5", "kept"),
    Promise("TOKEN-017", "Over a server, sending to another project needs `send:any-project` from `sos token grant`.", "§5", "kept"),
    Promise("TOKEN-018", "`sos token import` takes the `sk-bus-…` token of an older deployment.", "§5", "kept"),
    Promise("TOKEN-019", "The token that an SDK agent is made with counts before every other place.", "§5", "kept"),

    # Addresses
    Promise("ADDRESS-001", "One module spells the stream addresses: project, global, legacy private, older global, the four broadcasts, squads; no other file holds such a literal.", "§6", "kept"),
    Promise("ADDRESS-002", "A send writes one stream, which no sender can choose: the project's (`default` without a project), or where none is known the global one in the spelling that the setting names.", "§6", "kept"),
    Promise("ADDRESS-003", "A reader reads every address of its agent, under the slug and under the name as joined.", "§6", "kept"),
    Promise("ADDRESS-004", "What an old client puts into any of these streams by raw `XADD` reaches the agent exactly once in its view.", "§6", "kept"),
    Promise("ADDRESS-005", "The list of addresses is configuration: one added there is read from then on.", "§6", "kept"),
    Promise("ADDRESS-006", "The split-brain check names streams written and read by nobody, streams read and never written, and dotted names beside slugs.", "§6", "kept"),
    Promise("ADDRESS-007", "`sos squad add|remove|list` and `join --squad` set membership, and a message to a squad reaches its members of that moment.", "§6", "kept"),

    # The envelope and its assurance
    Promise("MESSAGE-001", "Every message has a UUIDv7 made by its sender, and the envelope's fields come back as they were sent; a reply carries the thread and what it answers.", "§6", "kept"),
    Promise("MESSAGE-002", "The store sets the sender from the token; a sender claimed in the call has no effect.", "§6", "kept"),
    Promise("MESSAGE-003", "Writing is strict: text over 64 KiB of UTF-8, an unknown kind or field, or a wrong type is refused with a code, and nothing is stored.", "§6", "kept"),
    Promise("MESSAGE-004", "A reply has one hop more than what it answers, and a message past 8 hops is refused, so that two auto-repliers die down.", "§6", "kept"),
    Promise("MESSAGE-005", "Reading understands the five older envelope formats.", "§6", "kept"),
    Promise("MESSAGE-006", "An entry that nobody understands is shown as such and holds up nothing behind it.", "§6", "kept"),
    Promise("MESSAGE-007", "Every message shows its assurance on every face: `same-user` embedded, `claimed` for a foreign entry.", "§6", "kept"),
    Promise("MESSAGE-008", "Nothing that a sender writes in body, field or flag raises the assurance.", "§6", "kept"),
    Promise("MESSAGE-009", "A claimed sender shows as \"claims to be X\", ranks last, and closes no request.", "§6", "kept"),
    Promise("MESSAGE-010", "A message that a server took shows the assurance `token`: the server checked it.", "§6", "kept"),

    # The promise, and the facts of a delivery
    Promise("INBOX-001", "A message whose send returned a durable receipt is in the store after kill -9 and after a power cut.", "§6", "kept"),
    Promise("INBOX-002", "Every stored message is shown to its agent at least once, whatever is killed at whatever point.", "§6", "kept"),
    Promise("INBOX-003", "Messages of one sender are first shown in the order in which they were accepted, within each class of the reading order.", "§6", "kept"),
    Promise("INBOX-004", "A message shown more than once is marked `again` from the second time on.", "§6", "kept"),
    Promise("INBOX-005", "A message that cannot be delivered (dead, expired, undelivered) is told to its sender as an event with the reason.", "§6", "kept"),
    Promise("INBOX-006", "A delivery is facts (accepted, stored, surfaced, in context, acked, replied, expired, dead), each with time, body and evidence of its own; none is inferred from another.", "§6", "kept"),
    Promise("INBOX-007", "Where there is no evidence of arrival the answer is \"no evidence\", never a success.", "§6", "kept"),
    Promise("INBOX-008", "*unread*, *open* and *done* follow from the facts by one definition, and every face counts the same.", "§6", "kept"),
    Promise("INBOX-009", "Only the recipient's own body changes a delivery; anybody else's read is a peek that marks nothing.", "§6", "kept"),
    Promise("INBOX-010", "A message is marked surfaced only after it was printed and flushed: a failed or cut write leaves it unread.", "§6", "kept"),
    Promise("INBOX-011", "Messages are shown in the order operator, requests, messages.", "§6", "kept"),
    Promise("INBOX-012", "All hook runs of one turn and body together show at most the budget (8 KB, or the runtime's cap); a prompt, a wake or Stop's continuation starts a turn, nothing else.", "§6", "kept"),
    Promise("INBOX-013", "What does not fit stays unread and is counted (\"+N more: `sos inbox`\"); a body over the whole budget is shown cut with its `sos read ID`, and counts as surfaced.", "§6", "kept"),
    Promise("INBOX-014", "*Not arrived* is concluded only when a request stamped after the flush stands in that session's transcript and the message does not; without a readable transcript, never.", "§6", "kept"),
    Promise("INBOX-015", "What did not arrive comes again at the next turn, three times at most, and is then `undelivered`, told to sender and doctor.", "§6", "kept"),
    Promise("INBOX-016", "An open request is shown again after 1, 5 and 20 turns, and from then on as a count.", "§6", "kept"),
    Promise("INBOX-017", "A message is acked only by an explicit ack or by a reply to it, never by being shown.", "§6", "kept"),
    Promise("INBOX-018", "A message past its `expires` is not shown, and stands as expired to its sender.", "§6", "kept"),
    Promise("INBOX-019", "An agent's first join shows direct mail younger than 24 h, at most 50, and counts the rest.", "§6", "kept"),
    Promise("LEASE-001", "In handler mode a message is leased for 60 s, extended while its handler progresses, and given again when the lease lapses.", "§6", "kept"),
    Promise("LEASE-002", "An ack of a lost lease is refused.", "§6", "kept"),
    Promise("LEASE-003", "An attempt is counted when it starts, so that a handler which kills its process uses its attempts up.", "§6", "kept"),
    Promise("LEASE-004", "A failed attempt is tried again after a back-off with jitter, while what is behind it flows on; after 5 the message is a dead letter and the sender gets a bounce.", "§6", "kept"),
    Promise("LEASE-005", "`sos dead list|show|requeue|drop` shows dead letters with their reason, and brings them back or removes them.", "§6", "kept"),
    Promise("SEND-001", "For as long as a message is remembered, sending its id again with the same content returns the same receipt and stores nothing; other content is 409.", "§6", "kept"),
    Promise("SEND-002", "A send that reached no store is in the outbox on disk, says `queued, not sent`, exits 75, and is listed by `sos outbox`.", "§6", "kept"),
    Promise("SEND-003", "The agent's next command or hook drains the outbox in order, each message stored once.", "§6", "kept"),
    Promise("SEND-004", "A running SDK agent or `sos watch` drains the outbox without being asked.", "§6", "kept"),
    Promise("SEND-005", "A send to an unknown recipient is refused and names the nearest known ones.", "§6", "kept"),
    Promise("REQUEST-001", "A request's deadline is `critical` 30 s, `routine` 60 s, or any duration given.", "§6", "kept"),
    Promise("REQUEST-002", "An overdue request is one event to its sender, raised from stored times by whoever opens the store next, though everything was stopped meanwhile.", "§6", "kept"),
    Promise("REQUEST-003", "Where a waiting process of the sender's side runs, overdue is told within a second; `send --request` says whether it does or the next hook run will tell.", "§6", "kept"),
    Promise("REQUEST-004", "`[request_id:<uuid>]` in a text is a request, and `{ack_for:<uuid>, ok:true}` in an answer acks it.", "§6", "kept"),
    Promise("BROADCAST-001", "A broadcast is one body and one delivery for each recipient known at send time, without the sender; who joins later gets none.", "§6", "kept"),
    Promise("BROADCAST-002", "A broadcast wakes nobody by default.", "§6", "kept"),
    Promise("BROADCAST-003", "A broadcast that nobody would receive is an error, and one to all projects needs the operator's scope.", "§6", "kept"),
    Promise("RETENTION-001", "No unread message is ever trimmed to make room: a full inbox refuses the sender with `inbox_full`, while operator and system still get through a reserve.", "§6", "kept"),
    Promise("RETENTION-002", "Done messages are kept 30 days and dead ones 14; unread mail of an agent closed for 30 days becomes dead, with a bounce.", "§6", "kept"),
    Promise("RETENTION-003", "Pruning happens in small steps inside ordinary writes: under steady load the store stops growing.", "§6", "kept"),
    Promise("RETENTION-004", "A restore, a flush or a trim by another hand that took unread messages is noticed and said, with the number lost where it can be known.", "§6", "kept"),
    Promise("TRACE-001", "`sos trace ID` tells the facts of one message for each recipient, with times and evidence.", "§6", "kept"),
    Promise("TRACE-002", "`sos sent` lists where everything stands that the caller sent.", "§6", "kept"),

    # Rendering and attention
    Promise("RENDER-001", "Above each body stands a header made by us: sender, assurance, relation of projects, age, again, request and its deadline.", "§6", "kept"),
    Promise("RENDER-002", "A body stands in a fence with a fresh nonce per rendering and each of its lines is prefixed: no body can close it or look like a header of ours.", "§6", "kept"),
    Promise("RENDER-003", "Control, bidi, zero-width and tag characters come out as visible escapes.", "§6", "kept"),
    Promise("RENDER-004", "Where hook text lands in a developer message, only our header and ids stand there, the fact is *announced*, and the body comes by tool.", "§6", "kept"),
    Promise("RENDER-005", "`bodies = fenced` or `headers` sets for each agent whether bodies are shown.", "§6", "kept"),
    Promise("RENDER-006", "Hook and command line render peer text by the same rule.", "§6", "kept"),
    Promise("RENDER-007", "The recipient sets who may wake it, how often, and its quiet hours; urgency that a sender claims changes none of it.", "§6", "kept"),
    Promise("RENDER-008", "500 messages within a minute cost their recipient one notice per turn.", "§6", "kept"),
    Promise("RENDER-009", "The agent tools render peer text by the rule of hook and command line.", "§6", "kept"),
    Promise("RENDER-010", "No tag in which a known runtime wraps what a hook, a tool or a monitor says can stand literally in what is rendered, so that no message closes it.", "§6", "kept"),
    Promise("RENDER-011", "Of 200 break-outs none leaves its frame: in the captured requests of the real programs each message stands between our own fence lines, byte for byte as rendered, and none of it outside.", "§6", "kept"),

    # Stores
    Promise("STORE-001", "One contract suite passes on the memory store, on the SQLite store and on the Redis store.", "§7", "kept"),
    Promise("STORE-002", "The same contract suite passes through every face: in process, over HTTP, and through the agent tools.", "§7", "planned"),
    Promise("STORE-003", "What a store cannot do is a row of one published table, which a test holds true; no contract test is skipped.", "§7", "kept"),
    Promise("STORE-004", "`sos backup` makes a consistent copy of a store in use, and a restored copy has a new epoch, which readers notice.", "§7", "kept"),
    Promise("STORE-005", "`sos move --to URL` takes identities, tokens and unread mail of an embedded deployment to a server; killed half-way and run again it is whole, and nothing is shown twice for it.", "§7", "kept"),
    Promise("SQLITE-001", "The embedded store is `$SOS_HOME/sos.db`, or the local path in `SOS_STORE`; no daemon runs for it.", "§7", "kept"),
    Promise("SQLITE-002", "WAL and `synchronous=FULL` are set and read back on each connection; one that does not take them is refused.", "§7", "kept"),
    Promise("SQLITE-003", "On macOS `fullfsync` is set and read back too.", "§7", "planned"),
    Promise("SQLITE-004", "One file lock stands round every write transaction and every checkpoint, and only our own checkpoints run.", "§7", "kept"),
    Promise("SQLITE-005", "The delivery rows are the only position: with the cursor cache deleted or stale, nothing is lost or repeated.", "§7", "kept"),
    Promise("SQLITE-006", "Concurrent sends and ends of handlers of one process commit as a group, and none returns before its commit is on disk, or fails for another.", "§7", "kept"),
    Promise("SQLITE-007", "A row whose SHA-256 does not fit is set aside and reported; the other messages flow on.", "§7", "kept"),
    Promise("SQLITE-008", "On a full disk a send is refused with a named error, while acks, the doctor and calls for help still work from the ballast.", "§7", "kept"),
    Promise("SQLITE-009", "A store path on a network file system is refused.", "§7", "kept"),
    Promise("SQLITE-010", "A call that cannot get the lock ends at its deadline with a named error, and no read transaction outlives its call.", "§7", "kept"),
    Promise("SQLITE-011", "A waiting reader in another process is woken by a datagram, and finds the message also when that ring is lost.", "§7", "kept"),
    Promise("SQLITE-012", "Homes without their store are `store_missing`; an empty store is created only where no home exists yet.", "§7", "kept"),
    Promise("SQLITE-013", "An older program of the same major version goes on working on a migrated store; one too old for it is refused with `upgrade needed` and changes nothing.", "§7", "kept"),
    Promise("SQLITE-014", "Migrations go forward from every released schema and keep every message and fact.", "§7", "kept"),
    Promise("SQLITE-015", "A truncated or corrupted database file is a named finding with the next command; it is never replaced by an empty store.", "§7", "kept"),
    Promise("REDIS-001", "The contract suite passes on Redis 7 and on Valkey 9.", "§7", "kept"),
    Promise("REDIS-002", "The contract suite passes on a Cluster and behind Sentinel, both named by the URL alone.", "§7", "kept"),
    Promise("REDIS-003", "Leases, fences, facts and cursors of all agents share one slot, and every step is one script: killed between any two steps, nothing is half-done.", "§7", "kept"),
    Promise("REDIS-004", "Foreign streams are read and imported exactly once under kill -9; we never create or trim one.", "§7", "kept"),
    Promise("REDIS-005", "The client library's retries are off, and every call ends within one total deadline with a named error and no message stored twice.", "§7", "kept"),
    Promise("REDIS-006", "One pub/sub connection wakes any number of waiting readers, and a slow sweep finds what a lost ring left.", "§7", "kept"),
    Promise("REDIS-007", "At start a `maxmemory-policy` that evicts is refused, and every receipt says `disk`, `fsync≤1s` or `memory` by the server's settings; only `appendfsync always` is `disk`.", "§7", "kept"),
    Promise("REDIS-008", "A cursor ahead of its stream after a failover or restore rewinds, and nothing already shown comes as new.", "§7", "kept"),

    # Services and HTTP
    Promise("SERVER-001", "`sos serve` runs registry, squad and bus in one process; `--only` runs one of them.", "§8", "kept"),
    Promise("SERVER-002", "Each service has its own URL setting that overrides `SOS_URL`, and one that is down leaves the others working.", "§8", "kept"),
    Promise("SERVER-003", "Several server processes over one Redis or Valkey serve one deployment behind a load balancer; any of them may be killed.", "§7", "kept"),
    Promise("SERVER-004", "The generated OpenAPI describes every `/v1` route; every error is an RFC 9457 problem with our code, and generated requests meet no 5xx.", "§8", "kept"),
    Promise("SERVER-005", "A write repeated after a lost reply has one effect.", "§8", "kept"),
    Promise("SERVER-006", "Waiting works by long-poll and by server-sent events, and mail ends the wait.", "§8", "kept"),
    Promise("SERVER-007", "`/healthz`, `/readyz` and `/metrics` answer; `/readyz` fails while the store does.", "§8", "kept"),
    Promise("SERVER-008", "The server binds 127.0.0.1:7690 unless told otherwise, refuses foreign Host and Origin headers, sends no CORS header, and asks for a token on loopback too.", "§8", "kept"),
    Promise("SERVER-009", "The first start writes the operator's token to `$SOS_HOME/operator/token.adm` (0600), and says where, never what.", "§8", "kept"),
    Promise("SERVER-010", "Every command, the hook and the SDK work unchanged against `SOS_URL`, with the standard library alone.", "§3", "kept"),
    Promise("SERVER-011", "Without its server, frozen, gone or lying, a hook says so within its deadline, a command ends with 75, and what was to be sent is queued.", "§8", "kept"),
    Promise("SERVER-012", "Of a token that a home sends, no service but its own ever sees anything.", "§5", "kept"),
    Promise("SERVER-013", "What many clients ask at once is done together and answered to each alone; one that is refused touches no other.", "§8", "kept"),
    Promise("SERVER-014", "Who sends a head or a body slowly, or a head without end, is answered 408 or 431 and let go; who waits is not.", "§8", "kept"),

    # MCP
    Promise("MCP-001", "The tools are `send`, `inbox`, `read`, `reply`, `ack`, `broadcast`, `peers`, `whoami`, `skills`, `tasks`, `trace`, `note` and `doctor`; the recovery guide and the inbox are resources.", "§8", "kept"),
    Promise("MCP-002", "The instructions tell a fresh agent its four answers.", "§8", "kept"),
    Promise("MCP-003", "Only tools that the token permits are listed.", "§8", "kept"),
    Promise("MCP-004", "Results are structured, and a failed call is an error with our code.", "§8", "kept"),
    Promise("MCP-005", "`/mcp` and `sos mcp` serve one table of tools with the same schemas, in both protocol eras.", "§8", "kept"),
    Promise("MCP-006", "`/mcp` is an OAuth resource server: without a valid bearer token it answers 401 and where to ask.", "§8", "kept"),
    Promise("MCP-007", "`sos mcp` passes the official client, Inspector and conformance suite, as `/mcp` does.", "§8", "kept"),
    Promise("MCP-008", "`sos mcp` resolves who it is at each call: a session bound after its start is served as its agent.", "§8", "kept"),

    # Command line and settings
    Promise("CLI-001", "Every command that the design lists for what is built exists, and its `--help` shows one example.", "§8", "kept"),
    Promise("CLI-002", "`--as SLUG` works after any command, text goes last, `--` ends the options, and text that starts with a dash then arrives as written.", "§8", "kept"),
    Promise("CLI-003", "`--json` on any command gives one stable object or JSON lines, with ids under `id`, also for errors.", "§8", "kept"),
    Promise("CLI-004", "`sos send TO -` reads stdin, and `--request`, `--deadline`, `--thread`, `--id` and `--expires` set what they name.", "§8", "kept"),
    Promise("CLI-005", "`sos inbox` lists and marks nothing; `sos read` inside the agent's own session shows whole bodies and marks them.", "§8", "kept"),
    Promise("CLI-006", "`sos wait` ends when mail comes; `sos wait --line` prints one line each time, with nothing of a peer in it.", "§8", "kept"),
    Promise("CLI-007", "`sos peers` lists the agents that the caller may see, with role, skills, presence and hearing.", "§8", "kept"),
    Promise("CLI-008", "Answers go to stdout and remarks to stderr; exit is 0 well, 1 expected trouble, 2 usage, 3 our own bug, 75 queued.", "§8", "kept"),
    Promise("CLI-009", "Every refusal has a stable code and ends with the next command to try.", "§8", "kept"),
    Promise("CLI-010", "`sos demo` shows the main job in a home of its own, and leaves nothing behind.", "§8", "kept"),
    Promise("SETTINGS-001", "`settings.py` alone reads the environment and config files, and every setting is documented.", "§8", "kept"),

    # Join
    Promise("JOIN-001", "`sos join --name --role --project --skill` takes an agent through the nine steps, prints each with its state, and ends with the four answers.", "§9", "kept"),
    Promise("JOIN-002", "A join killed at any step and run again is whole, and repeats nothing that is done: no second identity, token, skill or canary.", "§9", "kept"),
    Promise("JOIN-003", "A join mints or takes three tokens, one per service, and counts enrolment only once it was read back from the registry.", "§9", "kept"),
    Promise("JOIN-004", "Skills go to Squad as full descriptors and are read back.", "§9", "kept"),
    Promise("JOIN-005", "A canary is sent through the bus and read back before the inbox counts as working.", "§9", "kept"),
    Promise("JOIN-006", "With a hook installed, its very command runs once in a probe session that surfaces and marks the canary and no other message.", "§9", "kept"),
    Promise("JOIN-007", "A join that cannot enrol, pass the bus or get its tokens fails, and leaves no token, home or record half-made.", "§9", "kept"),
    Promise("JOIN-008", "Squad answering 404, 405, 5xx, garbage, slowly or nothing is a finding that `sos whoami` shows; the join succeeds.", "§9", "kept"),
    Promise("JOIN-009", "A runtime config that does not parse, or a hook that fails, is a finding that `sos whoami` shows; the join succeeds.", "§9", "kept"),
    Promise("JOIN-010", "A finding of a join is tried again by the next join and by the hook until it is done.", "§9", "kept"),
    Promise("JOIN-011", "`sos doctor --fix` mends what a join left as a finding.", "§9", "kept"),
    Promise("JOIN-012", "`sos join` takes `--json`, `--runtime RUNTIME` and `--invite FILE|-`.", "§9", "kept"),

    # Runtimes
    Promise("CONNECT-001", "`sos connect claude` writes the plugin directory with hooks, skill and monitor, and the real Claude Code loads it.", "§10", "kept"),
    Promise("CONNECT-002", "`sos connect codex` works in the real Codex: text arrives, and the sender has the model's reply.", "§10", "kept"),
    Promise("CONNECT-003", "`sos connect gemini` works in the real Gemini CLI: text arrives, and the sender has the model's reply.", "§10", "kept"),
    Promise("CONNECT-004", "`sos connect copilot` works in the real Copilot CLI: text arrives, and the sender has the model's reply.", "§10", "kept"),
    Promise("CONNECT-005", "`sos connect opencode` works in the real OpenCode: text arrives, and the sender has the model's reply.", "§10", "kept"),
    Promise("CONNECT-006", "`sos connect cursor` writes the files that Cursor documents, and `disconnect` takes them away.", "§10", "kept"),
    Promise("CONNECT-007", "Connecting looks at every file first, then writes own files, and merges into a foreign file last; a config that SOS does not write (YAML) is left to its user, with the exact lines.", "§10", "kept"),
    Promise("CONNECT-008", "A merge keeps comments, order and unknown keys, and is locked, atomic and backed up; what cannot take ours is refused with what to do, and left as it is; what others write meanwhile stays.", "§10", "kept"),
    Promise("CONNECT-009", "`--dry-run` shows the changes and makes none; after `sos disconnect` every file is byte for byte as before, save what others changed since.", "§10", "kept"),
    Promise("CONNECT-010", "One plugin directory serves Claude Code, Codex and Copilot CLI.", "§10", "kept"),
    Promise("CONNECT-011", "The installed command names home and interpreter absolutely; an ephemeral interpreter is refused with the way to install.", "§10", "kept"),
    Promise("CONNECT-012", "An interpreter that is gone makes the hook's own shell line say \"SOS cannot start, run …\" in the runtime's JSON.", "§10", "kept"),
    Promise("CONNECT-013", "`sos connect RUNTIME --as SLUG [--dir PATH]` binds a directory, and `--everywhere` all that no nearer binding claims.", "§4", "kept"),
    Promise("CONNECT-014", "What each runtime does with our hooks (which run, where their text lands, what is cut, what wakes it) stands in a table made from runs of the real program, and the pinned version still does it.", "§10", "kept"),

    # The hook
    Promise("HOOK-001", "Whatever stdin, store, home or environment holds, the hook exits 0 and prints either nothing or its runtime's valid JSON.", "§10", "kept"),
    Promise("HOOK-002", "The hook ends within its own deadline of 400 ms, whatever hangs.", "§10", "kept"),
    Promise("HOOK-003", "Stop continues a turn only for unread requests, once per turn, and never with `stop_hook_active` set.", "§10", "kept"),
    Promise("HOOK-004", "With nothing new the hook prints nothing; with mail it prints the messages in the field of the runtime's JSON that reaches the model.", "§10", "kept"),
    Promise("HOOK-005", "With the bus out of reach the hook prints \"bus unreachable since T\" with the time of the first failure.", "§10", "kept"),
    Promise("HOOK-006", "Session start, compaction and clear bring the resume packet: who it is and why, the four answers, unread, open requests both ways, where the guide is; ≤ 600 tokens, the same for the same state.", "§10", "kept"),
    Promise("HOOK-007", "At a tool event Python starts only where the agent's quiet file is absent.", "§10", "kept"),
    Promise("HOOK-008", "The quiet file exists only while there is nothing to show: a crash, a full disk or a power cut at any step of its protocol can ring needlessly, never hide mail.", "§10", "kept"),
    Promise("HOOK-009", "Session start, prompt and stop check in full, whatever the quiet file says.", "§10", "kept"),
    Promise("HOOK-010", "Over a server `sos watch` keeps the quiet file; when the watch is gone the file is not believed.", "§10", "kept"),
    Promise("HOOK-011", "Of the hooks that run at once for one agent one reads, prints and marks; the others print nothing and leave it rung.", "§10", "kept"),
    Promise("HOOK-012", "Each run leaves a mark with time, event and outcome.", "§10", "kept"),
    Promise("HOOK-013", "The next run sets *in context* from what is new in the transcript, on the runtime's evidence lines alone; the hook's own output is none.", "§10", "kept"),
    Promise("HOOK-014", "A message sent with `sos send` stands in the request body of the real Claude Code's next turn, and `trace` says so on evidence.", "§10", "kept"),
    Promise("HOOK-015", "After a compaction in the real Claude Code the resume packet stands in the next request body.", "§10", "kept"),
    Promise("HOOK-016", "A session whose start was missed (its hook killed, late, or passed over for another one) starts with its first prompt: bound as at its start, with the resume packet.", "§10", "kept"),

    # Waking
    Promise("WAKE-001", "A wake notice has a count and nothing that a peer wrote; notices are coalesced and rate-limited for each session.", "§10", "kept"),
    Promise("WAKE-002", "In the real Claude Code at an idle prompt, the plugin's monitor starts a turn when mail comes.", "§10", "kept"),
    Promise("WAKE-003", "One `sos watch` wakes many agents of a machine, embedded and over a server, and loses none over sleep, crash or restart.", "§10", "kept"),
    Promise("WAKE-004", "The watch runs argv arrays of its allowlist, never a shell, so that no message changes a command; a message is handed over only when its transport exits 0.", "§10", "kept"),
    Promise("WAKE-005", "Codex, Copilot CLI and OpenCode are woken at idle in the real programs; where a runtime has no way, `sos connect` says so.", "§10", "kept"),

    # The SDK
    Promise("SDK-001", "The design's five-line agent runs as printed, embedded and over a server, with the standard library alone.", "§11", "kept"),
    Promise("SDK-002", "Agents read all their streams without a duplicate, and with the local cursor deleted go on where the store says.", "§11", "kept"),
    Promise("SDK-003", "After an outage agents come back by themselves with back-off and jitter: many at once spread out.", "§11", "kept"),
    Promise("SDK-004", "Plain and `async def` handlers, the filters `kind=` and `sender=`, and concurrency work together, in order per sender.", "§11", "kept"),
    Promise("SDK-005", "What a handler sends and its ack commit together after it returns; a handler that raises or is killed has sent nothing.", "§11", "kept"),
    Promise("SDK-006", "No user code runs under our lock: a handler that blocks for ever blocks no other process.", "§11", "kept"),
    Promise("SDK-007", "`send`, `reply`, `broadcast`, `ack`, `tasks` and `request(…).wait()` return structured results or a named error at their deadline; offline, sends go to the outbox and `agent.recovery_guide` opens.", "§11", "kept"),
    Promise("SDK-008", "SIGTERM and SIGINT stop an agent cleanly: work in flight is finished or given back.", "§11", "kept"),
    Promise("SDK-009", "Heartbeats and lease extensions show a handler's progress: one that hangs loses its lease.", "§11", "kept"),
    Promise("SDK-010", "Two bodies of one agent share its work, and no effect is doubled.", "§11", "kept"),
    Promise("SDK-011", "A user's file passes the strictest type check against the SDK.", "§11", "kept"),
    Promise("SDK-012", "A user's agent is tested in memory with a fake clock through `sos.testing`.", "§11", "kept"),
    Promise("SDK-013", "A bus that is away and a full disk cost no message its attempts and are told once; they, and a clock that steps while handlers run, lose no effect and double none.", "§11", "kept"),

    # Recovery: doctor, disk, repair, guide
    Promise("DOCTOR-001", "`sos doctor` climbs machine, runtime, inbox, identity and tokens, ask another agent, and stops at the first broken rung.", "§12", "kept"),
    Promise("DOCTOR-002", "Each finding says what is wrong, since when, why it matters, and the command that mends it.", "§12", "kept"),
    Promise("DOCTOR-003", "The machine rung sees disk, inodes, memory and clock; the runtime rung whether the config parses and the hook is installed, enabled, trusted, and runs under its own timeout.", "§12", "kept"),
    Promise("DOCTOR-004", "The inbox rung sees every stream read, round trip, lag and last hook run (only old messages: split brain first); the identity rung slug, enrolment and each token's kind, scope and expiry.", "§12", "kept"),
    Promise("DOCTOR-005", "The last rung composes a call for help (slug, broken rung, what works, the ask) to a hearing medic of the project, then the same role, then the operator, and sends it only where allowed.", "§12", "kept"),
    Promise("DOCTOR-006", "`--fix` mends what is safe and leaves the rest with its command; `--deep` also opens the runtimes' CLIs.", "§12", "kept"),
    Promise("DOCTOR-007", "The doctor runs without store, config, token or network, and on a full disk.", "§12", "kept"),
    Promise("DOCTOR-009", "A version of a connected runtime that is not in the table of those tried is a note of the doctor's, read from its package without starting it.", "§12", "kept"),
    Promise("DOCTOR-008", "Each scripted breakage gets its right cause, and the message that waited arrives after the mend.", "§12", "kept"),
    Promise("DISK-001", "Bytes and inodes warn at 90 %, are critical at 95 %, and reset below 85 %, as edges kept on disk: no alert repeats while nothing changes.", "§12", "kept"),
    Promise("DISK-002", "The watchdog runs every 15 minutes (systemd user timer, launchd agent, `sos serve`) and on each write failure, and alerts through the bus and locally.", "§12", "open"),
    Promise("DISK-003", "At critical it says to stop debugging the agent and free space first, and where the space went.", "§12", "kept"),
    Promise("REPAIR-001", "Repair tries the strict parse, the tolerant parse (BOM, trailing comma, conflict markers, NUL), then the newest parsing backup with the complete salvaged keys on top, conflicts in the diff.", "§12", "kept"),
    Promise("REPAIR-002", "No key that was complete in the broken bytes or in the newest backup is absent afterwards, at every offset of truncation.", "§12", "kept"),
    Promise("REPAIR-003", "A byte-identical backup precedes the atomic replace under the runtime's lock, without it nothing is written, and what is not ours stays as it is.", "§12", "kept"),
    Promise("REPAIR-004", "After a repair the real CLI opens.", "§12", "kept"),
    Promise("GUIDE-001", "The guide ships in the package and is checked by hash; a changed copy is noticed and replaced.", "§12", "kept"),
    Promise("GUIDE-002", "`RECOVERY.md` in the agent's home is filled with its own facts and no token, and the installed skill brings the same guide to the runtime.", "§12", "kept"),
    Promise("GUIDE-003", "`sos guide` opens with no bus, no config, no token, a broken store and a full disk.", "§12", "kept"),
    Promise("GUIDE-004", "Every command that the guide names exists and takes the options shown, and its order is the ladder's.", "§12", "kept"),

    # Recovery: sentinel, probe, rescue, amnesia
    Promise("SENTINEL-001", "Deafness is judged per message by missed opportunities (2 or more, or no hook run while mail waits), never by silence alone; a canary on the agent's real path counts only with its own nonce.", "§12", "kept"),
    Promise("SENTINEL-002", "Each cause is told apart: hook gone, wrong stream, token expired, cursor ahead, terminal gone, config broken, disk full, frozen, dead, ignoring, waiting for permission.", "§12", "kept"),
    Promise("SENTINEL-003", "It tells the agent at its next turn, then a peer of the same role, then the operator, and repeats nothing.", "§12", "kept"),
    Promise("SENTINEL-004", "When its own loop is late it accuses nobody; it never ends a process.", "§12", "kept"),
    Promise("SENTINEL-005", "`sos peers` and the sender's receipt show the recipient's hearing: hearing, late, deaf or unknown.", "§4", "kept"),
    Promise("SENTINEL-006", "A webhook, off unless it is set, is told what the operator is told and nothing that an agent wrote; it goes to public addresses over TLS alone unless allowed, to the address that was checked, and follows no redirect.", "§12", "kept"),
    Promise("PROBE-001", "`sos probe AGENT` sends a canary over the agent's real path with the time of each hop; with any one hop broken, exit code and text name that hop.", "§12", "kept"),
    Promise("RESCUE-001", "`sos-rescue` runs under dash and busybox without Python, package, bus or network: it checks the first rungs, prints the guide, and restores a config from a parsing backup.", "§12", "kept"),
    Promise("AMNESIA-001", "With only its token left, or only its name and the operator's leave, one command makes an agent whole: same inbox, guide and open requests.", "§12", "kept"),
    Promise("AMNESIA-002", "An agent that was made whole again holds the tasks that it held.", "§12", "kept"),
    Promise("NOTE-001", "A note left with `sos note` or the tool `note` is bounded, and stands in the next resume packet.", "§10", "kept"),

    # Squad
    Promise("SQUAD-001", "A skill is a full descriptor, given by flags, and comes back unchanged.", "§13", "kept"),
    Promise("SQUAD-002", "A skill belongs to an agent and a project; nobody else can replace or remove it.", "§13", "kept"),
    Promise("SQUAD-003", "Search by label, text and role finds only what is allowed, with the owner's presence and hearing.", "§13", "kept"),
    Promise("SQUAD-004", "A skill can be given by a TOML file or by the flat front matter of a `SKILL.md`.", "§13", "kept"),
    Promise("TASK-001", "Of any number of claims on a task at once one wins, with a lease and a fencing token.", "§13", "kept"),
    Promise("TASK-002", "Renewal, completion, failure and cancellation under a stale claim are refused, and a dead owner's task comes back to be claimed when its lease lapses.", "§13", "kept"),
    Promise("TASK-003", "Creating a task again under the same idempotency key gives the same task; a blocked one cannot be claimed until what blocks it is done.", "§13", "kept"),

    # Faults made on purpose
    Promise("FAULT-001", "One public judge (`sos.testing.oracle`) finds each broken rule of a fault trial by name: lost, invented, doubled, changed, hidden, out of order, undone, a second effect, a stale ack.", "§14", "kept"),
    Promise("FAULT-002", "`sos faults --seed N` breaks fresh stores beside the user's own, which it never opens, without root: the same seed plans the same faults, a table says what was lost, and it ends with 1 where anything was.", "§14", "kept"),
    Promise("FAULT-003", "For each zero of the fault tests a defect is planted that the same check finds and names: at least 20 of them, and each check passes without its defect.", "§14", "kept"),
    Promise("FAULT-004", "An error of a sync is never a receipt, and no later receipt rests on what was written before that sync: it is written again.", "§6", "kept"),
    Promise("FAULT-005", "One command writes the evidence page: trials and what was broken, each zero with its 3/n bound, every planted defect and whether it was caught, what was skipped, and the machine without its name.", "§14", "kept"),

    # Numbers, on a machine with 2 cores; each is a command that prints the ratio, the limit of the same run, and the goal
    Promise("PERF-001", "The hook at a tool batch without mail costs at most 1.5 × `sh -c :`, p50 ≤ 1.5 ms, p99 ≤ 3 ms, whole process, embedded.", "§14", "kept", "bench/hook_quiet.py"),
    Promise("PERF-002", "The hook with 10 messages, 1 M stored and 0.2 MB of new transcript costs at most 2.6 × a bare Python and 25 ms; p99 ≤ 75 ms beside 4 busy loops.", "§14", "open", "bench/hook_mail.py"),
    Promise("PERF-003", "The hook in any outage ends within 400 ms, always with a notice.", "§14", "kept", "bench/hook_outage.py"),
    Promise("PERF-004", "`sos send`, `sos --help` and `sos whoami` take at most 3 × `python3 -c pass` and 40 ms, whole process, embedded.", "§14", "kept", "bench/commands.py"),
    Promise("PERF-005", "A durable send, one at a time, has p50 ≤ 2.2 × the disk's own fdatasync and ≥ 0.7 × the raw commit rate of the same SQLite settings.", "§14", "open", "bench/send_single.py"),
    Promise("PERF-006", "64 durable sends in flight reach ≥ 5 × the disk's fdatasync rate through futures, and 64 blocking threads ≥ 1.5 ×.", "§14", "open", "bench/send_group.py"),
    Promise("PERF-007", "Of 64 writer processes the slowest reaches ≥ 0.5 of the mean, and p99 ≤ 150 ms.", "§14", "kept", "bench/writers.py"),
    Promise("PERF-008", "From send to handler in another idle process takes the commit + 1 ms at p99, embedded.", "§14", "open", "bench/sdk.py"),
    Promise("PERF-009", "From send to handler through the server takes ≤ 10 ms at p99.", "§14", "kept", "bench/wake_server.py"),
    Promise("PERF-010", "Durable sends over HTTP by 64 clients reach ≥ 0.40 (SQLite) and ≥ 0.35 (Redis) of the same server's no-op, p99 ≤ 20 ms.", "§14", "open", "bench/http_send.py"),
    Promise("PERF-011", "Durable sends on Redis with 50 in flight reach ≥ 0.5 × `redis-benchmark -c 50 -P 1` at the same fsync.", "§14", "open", "bench/redis_send.py"),
    Promise("PERF-012", "The inbox keys of 100,000 idle agents on Redis take ≤ 60 MB.", "§14", "kept", "bench/redis_memory.py"),
    Promise("PERF-013", "A server process parks 10,000 waiting clients at ≤ 20 KB each and ≤ 1 % idle CPU; one wake p99 ≤ 10 ms, a broadcast to all ≤ 2 s.", "§14", "open", "bench/parked.py"),
    Promise("PERF-014", "An inbox read at 10^6 consumed messages takes ≤ 1.2 × as long as at none, and at 100,000 agents ≤ 1.2 × as long as at 10.", "§14", "kept", "bench/inbox_read.py"),
    Promise("PERF-015", "MCP over stdio is ready in ≤ 40 ms with ≤ 20 MB.", "§14", "open", "bench/mcp_stdio.py"),
    Promise("PERF-016", "10^6 messages of 228 bytes take ≤ 2 × their bodies on disk, indexes and facts included.", "§14", "kept", "bench/storage.py"),
    Promise("PERF-017", "From install to the first message surfaced takes ≤ 5 s with a near registry, and 5 commands.", "§14", "kept", "bench/first_minute.py"),
    Promise("PERF-018", "Of 100 messages 100 are proven in the model's context on Claude Code.", "§14", "kept", "bench/arrival.py"),
    Promise("PERF-019", "Of 100 messages 100 are proven in the model's context on Codex, and as many on Gemini CLI.", "§14", "kept", "bench/arrival.py"),
    Promise("PERF-020", "Of all that a sender can write, nothing raises its assurance: 0 of the corpus.", "§14", "kept", "bench/forgery.py"),
    Promise("PERF-021", "Embedded, no process of ours stays running; Claude Code's monitor takes ≤ 15 MB.", "§14", "kept", "bench/idle.py"),
    Promise("PERF-022", "An idle server takes ≤ 120 MB.", "§14", "kept", "bench/idle_server.py"),
    Promise("PERF-023", "Over at least 10^5 kill, power-cut, lost-reply and full-disk trials: 0 acked messages lost, 0 effects doubled, 0 stale acks accepted, each with its 3/n bound and its negative control.", "§14", "kept", "bench/faults.py"),
)
# fmt: on
