"""Messages between a media child and its parent: a JSON head and raw buffers, never pickles.

The child parses what strangers uploaded. Should it be taken over, nothing it can write to its
parent may be more than data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

MAX_MESSAGE_BYTES = 1 << 30

Message = dict[str, Any]


def send(connection: Connection, head: Message, *buffers: bytes) -> None:
    """Send a head and its buffers."""
    connection.send_bytes(json.dumps({**head, "buffers": len(buffers)}).encode())
    for buffer in buffers:
        connection.send_bytes(buffer)


def receive(connection: Connection) -> tuple[Message, list[bytes]]:
    """The next message.

    Raises:
        EOFError, OSError: the other side is gone, or says more than it may.
        ValueError: what it says is no message.
    """
    head = json.loads(connection.recv_bytes(MAX_MESSAGE_BYTES))
    if not isinstance(head, dict) or not isinstance(head.get("buffers"), int):
        msg = "expected a message with a count of buffers"
        raise ValueError(msg)  # noqa: TRY004 - wrong data, not a wrong call
    return head, [connection.recv_bytes(MAX_MESSAGE_BYTES) for _ in range(head["buffers"])]
