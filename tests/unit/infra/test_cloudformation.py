from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.api import lint
from ray.autoscaler._private.aws.config import bootstrap_aws
from stacks import (
    BUCKETS,
    INFRA,
    QUIET,
    REGION,
    TEMPLATE,
    Stack,
    client,
    cluster,
    deploy,
    no_account,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings(QUIET)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """As it is without any choice; nothing here changes it."""
    with no_account():
        yield deploy()


def told_by(name: str, stack: Stack) -> Any:
    """A policy of ``infra/`` with the names of the stack in it."""
    text = (INFRA / name).read_text("utf-8")
    names = {
        "SOURCE-BUCKET": stack.ids["SourceBucket"],
        "OUTPUT-BUCKET": stack.ids["OutputBucket"],
        "OUTPUT-PREFIX": "masked",
    }
    for placeholder, real in names.items():
        text = text.replace(placeholder, real)
    return json.loads(text)


def in_any_order(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """Statements by their names, with their lists sorted: IAM knows no order."""
    return {
        one["Sid"]: {
            key: sorted(value) if isinstance(value, list) else value for key, value in one.items()
        }
        for one in statements
    }


def test_the_page_names_every_parameter_that_the_template_has() -> None:
    parameters = TEMPLATE[TEMPLATE.index("\nParameters:") : TEMPLATE.index("\nConditions:")]
    page = (INFRA.parent / "docs" / "infra.md").read_text("utf-8")
    table = page[page.index("| parameter |") :].split("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert sorted(told) == sorted(re.findall(r"^  (\w+):$", parameters, flags=re.MULTILINE))


def test_the_linter_of_aws_finds_nothing_in_the_template() -> None:
    assert [str(found) for found in lint(TEMPLATE, regions=[REGION])] == []


def test_buckets_are_encrypted_versioned_and_closed(stack: Stack) -> None:
    s3 = client("s3")
    for name in BUCKETS:
        encryption = s3.get_bucket_encryption(Bucket=stack.ids[name])
        [rule] = encryption["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        told = stack.properties(name)
        assert told["VersioningConfiguration"] == {"Status": "Enabled"}
        closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls")
        assert told["PublicAccessBlockConfiguration"] == dict.fromkeys(
            (*closed, "RestrictPublicBuckets"), True
        )
        assert told["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_nobody_reaches_a_bucket_without_tls(stack: Stack) -> None:
    for name in BUCKETS:
        refused = stack.bucket_statements(name)["OnlyEncryptedOnTheWay"]
        arn = f"arn:aws:s3:::{stack.ids[name]}"
        assert refused == {
            "Sid": "OnlyEncryptedOnTheWay",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


def test_the_policies_of_the_template_are_those_of_the_files_beside_it(stack: Stack) -> None:
    data = told_by("iam-worker.json", stack)["Statement"]
    grow = told_by("iam-head.json", stack)["Statement"]
    assert in_any_order(stack.statements("fearrefactor-worker")) == in_any_order(data)
    assert in_any_order(stack.statements("fearrefactor-head")) == in_any_order([*data, *grow])
    [once] = told_by("bucket-policy.json", stack)["Statement"]
    found = stack.bucket_statements("OutputBucket")
    assert found.keys() == {once["Sid"], "OnlyEncryptedOnTheWay"}
    assert in_any_order([found[once["Sid"]]]) == in_any_order([once])


def test_the_bucket_of_results_has_the_rules_of_the_file_and_ends_old_versions(
    stack: Stack,
) -> None:
    found = stack.rules("OutputBucket")
    for rule in told_by("lifecycle.json", stack)["Rules"]:
        twin = found[rule["ID"]]
        assert twin["Prefix"] == rule["Filter"]["Prefix"]
        assert twin.get("ExpirationInDays") == rule.get("Expiration", {}).get("Days")
        ends = "AbortIncompleteMultipartUpload"
        assert twin.get(ends) == rule.get(ends)
    old = {name: rule.get("NoncurrentVersionExpiration") for name, rule in found.items()}
    assert old == {
        "end-forgotten-uploads": None,
        "remove-scratch": {"NoncurrentDays": 2},
        "remove-claims": {"NoncurrentDays": 2},
        "remove-old-versions": {"NoncurrentDays": 30},
        "remove-markers": None,
    }


def test_nothing_that_was_uploaded_or_made_is_removed_by_its_age(stack: Stack) -> None:
    rules = [rule for name in BUCKETS for rule in stack.rules(name).values()]
    aged = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert aged == {"masked/scratch/", "masked/claims/"}
    assert not any("ExpirationDate" in rule for rule in rules)


def test_ssh_is_open_to_one_range_and_all_else_only_among_nodes(stack: Stack) -> None:
    group_id = stack.ids["ClusterGroup"]
    [group] = client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    by_protocol = {rule["IpProtocol"]: rule for rule in group["IpPermissions"]}
    assert by_protocol.keys() == {"tcp", "-1"}
    ssh, among = by_protocol["tcp"], by_protocol["-1"]
    assert (ssh["FromPort"], ssh["ToPort"], ssh["UserIdGroupPairs"]) == (22, 22, [])
    assert [one["CidrIp"] for one in ssh["IpRanges"]] == ["203.0.113.7/32"]
    assert among["IpRanges"] == []
    assert [one["GroupId"] for one in among["UserIdGroupPairs"]] == [group_id]


def test_ray_up_finds_in_the_stack_all_that_the_cluster_file_names(stack: Stack) -> None:
    ready = bootstrap_aws(cluster())
    for node in ready["available_node_types"].values():
        launched = node["node_config"]
        assert launched["SecurityGroupIds"] == [stack.ids["ClusterGroup"]]
        assert launched["SubnetIds"]
        assert launched["MetadataOptions"]["HttpTokens"] == "required"
        [disk] = launched["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"] is True
        profile = launched["IamInstanceProfile"]["Name"]
        found = client("iam").get_instance_profile(InstanceProfileName=profile)
        [role] = found["InstanceProfile"]["Roles"]
        assert role["RoleName"] == profile
