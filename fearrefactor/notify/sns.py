"""A notice published to an SNS topic."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fearrefactor.errors import InputError, NoticeError

if TYPE_CHECKING:
    from fearrefactor.notify.notice import Notice

_ARN: Final = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}")
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 10.0
_TRIES: Final = 3


@dataclass(frozen=True)
class Topic:
    """A standard topic by its ARN. Boto3 finds credentials and endpoint by its own rules.

    Mail and text messages have the few lines for people, all other subscribers the JSON.

    Raises:
        InputError: it is no ARN of such a topic.
    """

    arn: str

    def __post_init__(self) -> None:
        if not _ARN.fullmatch(self.arn):
            raise InputError(
                f"expected arn:aws:sns:REGION:ACCOUNT:TOPIC of a standard topic, got {self.arn!r}"
            )

    def __str__(self) -> str:
        return self.arn

    def send(self, notice: Notice) -> None:
        """See ``Channel``; botocore tries three times."""
        from botocore.exceptions import BotoCoreError, ClientError

        told = {"default": json.dumps(notice.body()), "email": notice.text, "sms": notice.title}
        try:
            self._client().publish(
                TopicArn=self.arn,
                Subject=notice.title,
                Message=json.dumps(told),
                MessageStructure="json",
            )
        except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: a bad endpoint
            raise NoticeError(f"{self}: {error}") from error

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        found = _ARN.fullmatch(self.arn)
        return boto3.session.Session().client(
            "sns",
            region_name=found[1] if found else None,
            config=Config(
                connect_timeout=_CONNECT_S,
                read_timeout=_ANSWER_S,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
            ),
        )
