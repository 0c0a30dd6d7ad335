"""Parcels for tests that put many messages into a real store at once."""

from __future__ import annotations

import time

from sos.model.addresses import inbox_address
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.parcels import Parcel
from sos.model.times import Millis


def parcel(to: Slug, text: str) -> Parcel:
    """A message from `aa` in the project `demo`."""
    now = Millis(time.time_ns() // 1_000_000)
    return Parcel(
        draft=Draft(id=new_id(now), to=to, text=text),
        sender="aa",
        recipients=(to,),
        project="demo",
        address=inbox_address(to, "demo"),
        assurance="same-user",
        sent_at=now,
    )
