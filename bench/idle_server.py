"""What a server takes while nothing happens: fresh, and after it has answered all that it can, MCP included."""

from __future__ import annotations

import asyncio
import time

from bench._http import load, serving
from bench._measure import BODY, say
from sos.model.ids import new_id
from sos.model.times import Millis

MEGABYTE = 1 << 20
CLIENTS = 64


def main() -> None:
    """Measure."""
    with serving(CLIENTS) as made:
        time.sleep(1)
        say("an idle server, fresh, in MB", made.memory() / MEGABYTE, "1 MB", 120)

        def send(client: int, _: int) -> bytes:
            draft = {"id": new_id(Millis(time.time_ns() // 1_000_000)), "to": f"a-{(client + 1) % CLIENTS}", "text": BODY}
            return made.request("POST", "/v1/messages", f"a-{client}", {"draft": draft})

        def tools(client: int, _: int) -> bytes:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            asked = made.request("POST", "/mcp", f"a-{client}", body)
            return asked.replace(b"\r\n", b"\r\nAccept: application/json, text/event-stream\r\n", 1)

        asyncio.run(load(made.port, CLIENTS, 100, send))
        asyncio.run(load(made.port, CLIENTS, 5, tools))
        time.sleep(2)
        before, begun = made.processor(), time.perf_counter()
        time.sleep(10)
        share = (made.processor() - before) / (time.perf_counter() - begun) * 100
        say("an idle server after 6,400 sends and MCP, in MB", made.memory() / MEGABYTE, "1 MB", 120)
        print(f"  and {share:.2f} % of a processor")


if __name__ == "__main__":
    main()
