"""Whether a Redis store is whole: every index, timer and list says exactly what the deliveries and messages say."""

from __future__ import annotations

from typing import Any

from sos.stores.redis import keys, rows
from sos.stores.redis.keys import Box

INDEXES = ("LIVE", "UNREAD", "OPEN", "PENDING", "DEAD", "AGAIN", "LEASED")


def check(client: Any) -> int:
    """Look at everything; how many deliveries there are. The client must not decode."""
    found = {key.decode() for key in client.scan_iter(count=1000)}
    messages = _messages(client, found)
    log = {member.split(b" ", 2)[0]: member for member in client.zrange(keys.LOG, 0, -1)}
    assert {int(number) for number in log} == set(messages), "the order of all messages names others"
    _check_ids(client, messages)
    timers: dict[str, int] = {}
    deliveries = 0
    there: dict[int, set[str]] = {number: set() for number in messages}
    for key in sorted(found):
        if key.endswith(keys.PARTS["DELIVERIES"]):
            place = Box(key.removesuffix(keys.PARTS["DELIVERIES"]))
            deliveries += _check_box(client, place, messages, timers, there)
    for number, (_, recipients) in messages.items():
        assert there[number] == recipients, f"the recipients of {number}"
    stored = {member.decode(): int(score) for member, score in client.zrange(keys.TIMERS, 0, -1, withscores=True)}
    assert stored == timers, "timers"
    assert not messages or int(client.get(keys.HEAD)) >= max(messages)
    return deliveries


def _messages(client: Any, found: set[str]) -> dict[int, tuple[Any, set[str]]]:
    made = {}
    for key in found:
        if key.endswith(keys.PARTS["MESSAGES"]):
            address, kept = key.removeprefix(keys.TAG).removesuffix(keys.PARTS["MESSAGES"]), client.hgetall(key)
            for field, value in kept.items():
                if not field.endswith(b" to"):
                    message, sound, _ = rows.message_of(int(field), address, value)
                    assert sound
                    made[message.seq] = (message, set(kept[field + b" to"].decode().split()))
    return made


def _check_ids(client: Any, messages: dict[int, tuple[Any, set[str]]]) -> None:
    kept = {}
    for identifier, lines in client.hgetall(keys.IDS).items():
        for line in lines.decode().split("\n"):
            number, tag, entry, address = line.split(" ", 3)
            kept[int(number)] = (identifier.decode(), tag, address)
            if entry != "-" and client.type(address) == b"stream":
                assert len(client.xrange(address, entry, entry)) <= 1
    assert kept == {number: (one.id, keys.tag(one.sender), one.address) for number, (one, _) in messages.items()}
    for number, (message, _) in messages.items():
        assert client.zscore(keys.sent(message.sender), number) == number


def _check_box(client: Any, place: Box, messages: Any, timers: dict[str, int], there: dict[int, set[str]]) -> int:
    wanted: dict[str, dict[str, int]] = {keys.part(place, name): {} for name in INDEXES}
    kept = client.hgetall(keys.part(place, "DELIVERIES"))
    for field, value in kept.items():
        message, _ = messages[int(field)]
        there[message.seq].add(place)
        for (key, member), score in rows.places(place, message, rows.delivery_of("", value)).items():
            (timers if key == keys.TIMERS else wanted[key])[member] = score
    for key, members in wanted.items():
        stored = {member.decode(): int(score) for member, score in client.zrange(key, 0, -1, withscores=True)}
        assert stored == members, key
    everything = {int(member): int(score) for member, score in client.zrange(keys.part(place, "ALL"), 0, -1, withscores=True)}
    assert everything == {int(field): int(field) for field in kept}
    assert {int(field) for field in client.hkeys(keys.part(place, "FACTS"))} <= set(everything)
    return len(kept)
