from __future__ import annotations

import json
import os
import pickle
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.media.wire import receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

heads = st.dictionaries(
    st.text().filter(lambda name: name != "buffers"), st.integers() | st.text() | st.none()
)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    here, there = Pipe()
    with here, there:
        yield here, there


@given(head=heads, buffers=st.lists(st.binary(), max_size=3))
def test_a_message_arrives_as_it_was_sent(head: dict[str, object], buffers: list[bytes]) -> None:
    here, there = Pipe()
    with here, there:
        send(here, head, *buffers)
        assert receive(there) == ({**head, "buffers": len(buffers)}, buffers)


class Bomb:
    """Writes a file wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._path),)


def test_a_pickle_is_only_data(ends: tuple[Connection, Connection], tmp_path: Path) -> None:
    target = tmp_path / "unpickled"
    pickle.loads(pickle.dumps(Bomb(tmp_path / "live")))  # noqa: S301 - shows that the bomb works
    assert (tmp_path / "live").exists()
    here, there = ends
    here.send(Bomb(target))  # what multiprocessing itself would unpickle on the other side
    with pytest.raises(ValueError, match=r"codec can't decode|Expecting value"):
        receive(there)
    send(here, {"do": "index"}, pickle.dumps(Bomb(target)))
    head, (buffer,) = receive(there)
    assert head == {"do": "index", "buffers": 1}
    assert isinstance(buffer, bytes)
    assert not target.exists()


@pytest.mark.parametrize("said", [b"[]", b"{}", b'{"buffers": "2"}', b"null", b"5", b"", b"\xff"])
def test_what_is_no_message_is_refused(ends: tuple[Connection, Connection], said: bytes) -> None:
    here, there = ends
    here.send_bytes(said)
    with pytest.raises(ValueError, match=r".+"):
        receive(there)


def test_a_partner_who_hangs_up_in_the_middle_is_noticed(
    ends: tuple[Connection, Connection],
) -> None:
    here, there = ends
    here.send_bytes(json.dumps({"buffers": 2}).encode())
    here.send_bytes(b"the first")
    here.close()
    with pytest.raises(EOFError):
        receive(there)
