"""Whose buckets a run has to do with, from the command line to the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fault_proxy import FaultProxy
from shell import Shell

if TYPE_CHECKING:
    from s3_server import S3Server

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    "words",
    [
        ("mask", "s3://{}/film.mp4", "--model", "s3://{}/model.pt", "--classes", "person"),
        ("render", "--from", "s3://{}/runs/night", "--classes", "person"),
    ],
    ids=["mask", "render"],
)
def test_the_account_that_was_asked_for_is_named_to_s3(
    words: tuple[str, ...],
    s3_server: S3Server,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = [word.format(s3_bucket) for word in (*words, "--output", "s3://{}/out")]
    with FaultProxy(s3_server.endpoint_url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint_url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        assert Shell()(*said, "--bucket-owner", ACCOUNT).code == 1  # what it reads is not there
        assert Shell()(*said).code == 1
    told = [call.headers.get("x-amz-expected-bucket-owner") for call in proxy.calls]
    assert set(told[: len(told) // 2]) == {ACCOUNT}
    assert set(told[len(told) // 2 :]) == {None}


@pytest.mark.parametrize("account", ["12345678901", "me", "1234 5678 9012"])
def test_what_is_no_account_is_refused(account: str) -> None:
    said = Shell()("mask", "film.mp4", "-o", "out", "--classes", "dog", "--bucket-owner", account)
    assert said.code == 1
    assert "expected the 12 digits" in said.err
