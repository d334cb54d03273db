"""The template of ``infra/`` deployed into moto, and what is there then."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json
from moto.core import DEFAULT_ACCOUNT_ID
from ray.autoscaler._private.util import prepare_config

if TYPE_CHECKING:
    from collections.abc import Iterator

INFRA = Path(__file__).resolve().parents[1] / "infra"
TEMPLATE = (INFRA / "cloudformation.yaml").read_text("utf-8")
REGION = "us-east-1"
BUCKETS = ("SourceBucket", "OutputBucket")
_NAME = "fearrefactor"
#: Moto makes no bucket policies, and says so.
QUIET = "ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning"


def client(service: str) -> Any:
    """Of moto's account."""
    return boto3.client(service, region_name=REGION)


@contextmanager
def no_account() -> Iterator[None]:
    """No AWS but moto's, empty at first, and a home of its own: Ray keeps a key for SSH there."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as home,
        mock_aws(),
    ):
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("HOME", home)
        yield


@dataclass(frozen=True)
class Stack:
    """A stack in moto: ids of its resources by their names in the template."""

    id: str
    ids: dict[str, str]
    outputs: dict[str, str]

    def properties(self, name: str) -> dict[str, Any]:
        """What the template says of a resource, references and conditions resolved by moto.

        Of a bucket moto makes no more than its encryption, and of its policy nothing.
        """
        made = cloudformation_backends[DEFAULT_ACCOUNT_ID][REGION].stacks[self.id]
        told: dict[str, Any] = clean_json(
            made.template_dict["Resources"][name]["Properties"], made.resource_map
        )
        return told

    def statements(self, role: str) -> list[dict[str, Any]]:
        """All that a role has."""
        iam = client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policies = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
        ]
        return [statement for policy in policies for statement in policy["Statement"]]

    def trusted(self, role: str) -> list[str]:
        """The services that may take a role."""
        document = client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        [statement] = document["Statement"]
        told = statement["Principal"]["Service"]
        return [told] if isinstance(told, str) else told

    def bucket_statements(self, bucket: str) -> dict[str, dict[str, Any]]:
        """Of a bucket's policy, by their names."""
        policy = self.properties(f"{bucket}Policy")
        assert policy["Bucket"] == self.ids[bucket]
        return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}

    def rules(self, bucket: str) -> dict[str, dict[str, Any]]:
        """Of a bucket's lifecycle, by their names."""
        rules = self.properties(bucket)["LifecycleConfiguration"]["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}
        return {rule["Id"]: rule for rule in rules}


def deploy(**parameters: str) -> Stack:
    """The stack, as ``aws cloudformation deploy`` makes it with these parameters."""
    told = {"SshFrom": "203.0.113.7/32", **parameters}
    cloud = client("cloudformation")
    cloud.create_stack(
        StackName=_NAME,
        TemplateBody=TEMPLATE,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in told.items()],
    )
    [stack] = cloud.describe_stacks(StackName=_NAME)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    resources = cloud.describe_stack_resources(StackName=_NAME)["StackResources"]
    return Stack(
        stack["StackId"],
        {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in resources
            if "PhysicalResourceId" in one
        },
        {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]},
    )


def delete() -> None:
    """The stack goes."""
    client("cloudformation").delete_stack(StackName=_NAME)


def cluster() -> dict[str, Any]:
    """``ray_cluster.yaml`` as ``ray up`` reads it."""
    text = (INFRA.parent / "ray_cluster.yaml").read_text("utf-8")
    ready: dict[str, Any] = prepare_config(yaml.safe_load(text))
    return ready
