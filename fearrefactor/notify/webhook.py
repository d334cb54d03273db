"""A notice posted to a URL as JSON, which is what chats take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests

from fearrefactor.errors import InputError, NoticeError

if TYPE_CHECKING:
    from fearrefactor.notify.notice import Notice

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 10.0
_PAUSES_S: Final = (0.0, 1.0, 3.0)
#: Of a server that is busy, or not up yet; what another one refuses it refuses again.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Webhook:
    """Takes notices at ``url``, of which only scheme and host are ever told: the rest is a secret.

    ``pauses_s``: before each try. Redirects are not followed: they would take the notice elsewhere.

    Raises:
        InputError: it is no URL that notices can go to.
    """

    url: str = field(repr=False)
    pauses_s: tuple[float, ...] = _PAUSES_S
    answer_s: float = _ANSWER_S

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            is_fine = False
        if not is_fine or any(char.isspace() or not char.isprintable() for char in self.url):
            raise InputError("expected https://host/path, http://host/path or an SNS topic's ARN")

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        port = "" if parts.port is None else f":{parts.port}"
        return f"{parts.scheme}://{parts.hostname}{port}/…"

    def send(self, notice: Notice) -> None:
        """See ``Channel``: three tries, the last one after a few seconds."""
        failed = "no try was allowed"
        for pause_s in self.pauses_s:
            time.sleep(pause_s)
            try:
                status = self._post(notice)
            except requests.RequestException as error:
                # What it says holds the whole URL, and so would a traceback.
                failed = f"no answer ({type(error).__name__})"
                if not isinstance(error, (requests.ConnectionError, requests.Timeout)):
                    raise NoticeError(f"{self}: {failed}") from None
                continue
            if 200 <= status < 300:
                return
            failed = f"status {status}"
            if status not in _PASSING:
                elsewhere = "; redirects are not followed" if 300 <= status < 400 else ""
                raise NoticeError(f"{self}: {failed}{elsewhere}")
        raise NoticeError(f"{self}: {failed}, after {len(self.pauses_s)} tries")

    def _post(self, notice: Notice) -> int:
        """The status of the answer, whose body nobody reads: it may be of any length."""
        with requests.post(
            self.url,
            json=notice.body(),
            timeout=(_CONNECT_S, self.answer_s),
            allow_redirects=False,
            stream=True,
        ) as answer:
            return answer.status_code
