from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from ray.autoscaler._private.aws.config import bootstrap_aws
from stacks import BUCKETS, QUIET, client, cluster, delete, deploy, no_account

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.filterwarnings(QUIET), pytest.mark.usefixtures("account")]


@pytest.fixture
def account() -> Iterator[None]:
    with no_account():
        yield


def test_machines_take_the_roles_and_so_do_pods_if_they_are_asked_for() -> None:
    stack = deploy()
    machines = ["ec2.amazonaws.com"]
    assert stack.trusted("fearrefactor-worker") == stack.trusted("fearrefactor-head") == machines
    delete()
    stack = deploy(ForKubernetes="yes", NotifyEmail="nights@example.org")
    assert stack.trusted("fearrefactor-worker") == [*machines, "pods.eks.amazonaws.com"]
    assert stack.trusted("fearrefactor-head") == machines
    told = [one["Sid"] for one in stack.statements("fearrefactor-worker")]
    assert "SayThatARunHasEnded" in told


def test_buckets_stay_when_the_stack_goes() -> None:
    stack = deploy()
    delete()
    left = {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}
    assert left == {stack.ids[name] for name in BUCKETS}


def test_a_bucket_that_is_there_already_is_read_and_none_is_made() -> None:
    stack = deploy(SourceBucketName="the-uploads")
    assert "SourceBucket" not in stack.ids
    assert stack.outputs["Sources"] == "s3://the-uploads/"
    read = {one["Sid"]: one for one in stack.statements("fearrefactor-worker")}
    assert "arn:aws:s3:::the-uploads/*" in read["ReadSourcesAndResults"]["Resource"]
    assert "arn:aws:s3:::the-uploads" in read["TellMissingFromForbidden"]["Resource"]


def test_a_mail_address_makes_a_topic_to_which_only_the_driver_may_write() -> None:
    stack = deploy(NotifyEmail="nights@example.org")
    topic = stack.outputs["NotifyTopicArn"]
    [mail] = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "nights@example.org")
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    told = {"Sid": "SayThatARunHasEnded", **publish}
    assert told in stack.statements("fearrefactor-head")
    assert told not in stack.statements("fearrefactor-worker")


def test_ray_up_without_the_stack_ends_at_once_and_opens_nothing() -> None:
    with pytest.raises(ClientError, match="fearrefactor"):
        bootstrap_aws(cluster())
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default"}
