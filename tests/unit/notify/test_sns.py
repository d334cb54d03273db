from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from fearrefactor.errors import InputError, NoticeError
from fearrefactor.notify.notice import Notice
from fearrefactor.notify.sns import Topic

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTICE = Notice("night-1", "out", "crashed", 1.0, error="StoreError: no bucket")
REGION = "eu-central-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_subscribers_of_a_topic_have_the_json() -> None:
    sns, sqs = boto3.client("sns", region_name=REGION), boto3.client("sqs", region_name=REGION)
    arn = sns.create_topic(Name="nights")["TopicArn"]
    queue = sqs.create_queue(QueueName="nights")["QueueUrl"]
    named = {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}
    endpoint = sqs.get_queue_attributes(**named)["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    Topic(arn).send(NOTICE)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    told: dict[str, Any] = json.loads(message["Body"])
    assert told["Subject"] == "fearrefactor night-1: CRASHED"
    assert json.loads(told["Message"]) == NOTICE.body()


@pytest.mark.usefixtures("aws")
def test_a_topic_that_is_not_there_is_named() -> None:
    arn = f"arn:aws:sns:{REGION}:123456789012:gone"
    with pytest.raises(NoticeError, match=rf"^{arn}: .*NotFound"):
        Topic(arn).send(NOTICE)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:eu-central-1:123456789012:nights",
        "arn:aws:sns:eu-central-1:123:nights",
        "arn:aws:sns:eu-central-1:123456789012:",
        "arn:aws:sns:eu-central-1:123456789012:nights.fifo",
        "arn:aws:sns:eu-central-1:123456789012:nights\n",
    ],
)
def test_what_is_no_arn_of_a_standard_topic_is_refused(arn: str) -> None:
    with pytest.raises(InputError, match="expected arn:aws:sns:REGION:ACCOUNT:TOPIC"):
        Topic(arn)
