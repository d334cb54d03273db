from __future__ import annotations

import socket

import pytest
from hooks import HookServer

from fearrefactor.errors import InputError, NoticeError
from fearrefactor.notify.notice import Notice
from fearrefactor.notify.webhook import Webhook

NOTICE = Notice("night-1", "out", "done", 1.0, outcomes={"clean": 1})
AT_ONCE = (0.0, 0.0, 0.0)


def test_a_notice_is_posted_once_as_json() -> None:
    with HookServer(200) as hook:
        Webhook(hook.url).send(NOTICE)
    assert hook.told == [NOTICE.body()]
    assert hook.types == ["application/json"]


def test_a_server_that_is_busy_is_asked_again() -> None:
    with HookServer(500, 429, 204) as hook:
        Webhook(hook.url, AT_ONCE).send(NOTICE)
    assert hook.told == [NOTICE.body()] * 3


def test_three_tries_are_all() -> None:
    with HookServer(503) as hook:
        with pytest.raises(NoticeError, match="status 503, after 3 tries"):
            Webhook(hook.url, AT_ONCE).send(NOTICE)
        assert len(hook.told) == 3


def test_what_is_refused_is_not_asked_again() -> None:
    with HookServer(403) as hook:
        with pytest.raises(NoticeError, match=r"status 403$"):
            Webhook(hook.url, AT_ONCE).send(NOTICE)
        assert len(hook.told) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with HookServer(status) as hook:
        with pytest.raises(NoticeError, match=f"status {status}; redirects are not followed"):
            Webhook(hook.url, AT_ONCE).send(NOTICE)
        assert hook.asked == ["/services/T0SECRET"]


def test_a_server_that_never_answers_is_left_after_a_while() -> None:
    with HookServer(0) as hook:
        with pytest.raises(NoticeError, match=r"no answer \(ReadTimeout\), after 3 tries"):
            Webhook(hook.url, AT_ONCE, answer_s=0.05).send(NOTICE)
        assert len(hook.told) == 3


def test_where_nobody_listens_the_error_says_so_and_keeps_the_secret() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    hook = Webhook(f"http://me:pass@127.0.0.1:{port}/services/T0SECRET", AT_ONCE)
    with pytest.raises(NoticeError) as caught:
        hook.send(NOTICE)
    assert str(caught.value) == (
        f"http://127.0.0.1:{port}/…: no answer (ConnectionError), after 3 tries"
    )
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "SECRET" not in repr(hook)
    assert "pass" not in repr(hook)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/services/x",
        "ftp://host/x",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "http://host:99999/",
        "http://host:0/",
        "http://[::1/",
        "http://host/a b",
        "http://host/\n",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="expected https://host/path"):
        Webhook(url)
