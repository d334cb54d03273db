"""Least privilege: what the code calls is allowed, and no result can be removed or overwritten."""

from __future__ import annotations

import ast
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from fearrefactor.storage.sweep import SWEPT_PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3_server import S3Server

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = "arn:aws:s3:::OUTPUT-BUCKET"
#: What each operation needs (Service Authorization Reference, Amazon S3).
NEEDS = {
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "delete_object": "s3:DeleteObject",
}
#: What only ``fearrefactor sweep`` asks for, in a role of its own.
SWEEP_NEEDS = {"list_multipart_uploads": "s3:ListBucketMultipartUploads"}
#: What runs may remove.
PASSING = ("scratch/", "claims/")


def policy(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "infra" / name).read_text("utf-8"))
    return found


WORKER = policy("iam-worker.json")
SWEEPER = policy("iam-sweep.json")
BUCKET = policy("bucket-policy.json")


def effects(
    action: str, resource: str, *, role: dict[str, Any] = WORKER, **conditions: str
) -> set[str]:
    """What a role and the bucket's policy say of it."""
    return {
        statement["Effect"]
        for statement in (*role["Statement"], *BUCKET["Statement"])
        if action in _list(statement["Action"])
        and _covers(statement, resource)
        and _holds(statement.get("Condition", {}), conditions)
    }


def allows(action: str, resource: str, *, role: dict[str, Any] = WORKER, **conditions: str) -> bool:
    """Whether it is granted and not refused."""
    return effects(action, resource, role=role, **conditions) == {"Allow"}


def granted(role: dict[str, Any]) -> set[str]:
    """All actions of a role, wherever it may do them."""
    return {
        action
        for statement in role["Statement"]
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
    }


def _covers(statement: dict[str, Any], resource: str) -> bool:
    if "NotResource" in statement:
        return not any(fnmatchcase(resource, one) for one in _list(statement["NotResource"]))
    return any(fnmatchcase(resource, one) for one in _list(statement["Resource"]))


def _holds(wanted: dict[str, dict[str, str]], given: dict[str, str]) -> bool:
    absent = {key: str(key not in given).lower() for key in wanted.get("Null", {})}
    assert set(wanted) <= {"Null", "Bool"}
    return absent == wanted.get("Null", {}) and all(
        given.get(key) == value for key, value in wanted.get("Bool", {}).items()
    )


def _list(one_or_more: str | list[str]) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def operations_called() -> Iterator[str]:
    """Every method of an S3 client that the package names, and every paginator that it asks for."""
    client = boto3.client("s3", region_name="us-east-1")
    known = set(client.meta.method_to_api_mapping)
    for path in (ROOT / "fearrefactor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in known:
                yield node.attr
            if isinstance(node, ast.Constant) and node.value in known:
                yield str(node.value)


def places() -> list[str]:
    """The keys of ``docs/operations.md``, as they are under an output's prefix."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = text[text.index("| key | what |") :].split("\n\n")[0]
    return re.findall(r"^\| `([a-z]+/[^`]*)`", table, flags=re.MULTILINE)


def test_what_the_code_calls_is_known_and_allowed_where_it_calls_it() -> None:
    called = set(operations_called())
    assert called == {*NEEDS, *SWEEP_NEEDS}
    assert len(places()) >= 7
    for operation in NEEDS.keys() - {"delete_object"}:
        if operation == "list_objects_v2":
            assert allows(NEEDS[operation], OUTPUT)
            continue
        by_condition = operation in {"put_object", "complete_multipart_upload"}
        conditions = {"s3:if-none-match": "*"} if by_condition else {}
        creates = {"s3:ObjectCreationOperation": str(by_condition).lower()}
        for place in places():
            key = f"{OUTPUT}/OUTPUT-PREFIX/{place}"
            assert allows(NEEDS[operation], key, **conditions, **creates), (operation, key)
    assert allows("s3:GetObject", "arn:aws:s3:::SOURCE-BUCKET/deep/film.mp4")
    assert allows("s3:DeleteObject", f"{OUTPUT}/OUTPUT-PREFIX/scratch/preflight-1")


@pytest.mark.parametrize("role", [WORKER, SWEEPER], ids=["worker", "sweeper"])
@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_nothing_but_scratch_and_claims_can_be_removed(action: str, role: dict[str, Any]) -> None:
    keys = [
        f"{OUTPUT}/OUTPUT-PREFIX/{place}" for place in places() if not place.startswith(PASSING)
    ]
    assert len(keys) >= 6
    keys += [f"{OUTPUT}/OUTPUT-PREFIX/videos/scratch/x", "arn:aws:s3:::SOURCE-BUCKET/film.mp4"]
    assert [effects(action, key, role=role) for key in keys] == [{"Deny"}] * len(keys)


def test_a_sweep_may_see_and_remove_what_is_left_and_do_nothing_else() -> None:
    assert PASSING == SWEPT_PLACES
    for place in PASSING:
        key = f"{OUTPUT}/OUTPUT-PREFIX/{place}x"
        assert allows("s3:DeleteObject", key, role=SWEEPER)
    assert allows("s3:AbortMultipartUpload", f"{OUTPUT}/OUTPUT-PREFIX/videos/x", role=SWEEPER)
    assert allows("s3:ListBucketMultipartUploads", OUTPUT, role=SWEEPER)
    assert allows("s3:ListBucket", OUTPUT, role=SWEEPER)
    assert granted(SWEEPER) == {
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
    }


def test_a_buckets_own_rules_remove_what_a_sweep_removes(
    s3_server: S3Server, s3_bucket: str
) -> None:
    rules = policy("lifecycle.json")
    client = s3_server.client()  # boto3 and the server hold it against what S3 takes
    client.put_bucket_lifecycle_configuration(Bucket=s3_bucket, LifecycleConfiguration=rules)
    found = client.get_bucket_lifecycle_configuration(Bucket=s3_bucket)["Rules"]
    assert [rule["Filter"]["Prefix"] for rule in found if "Expiration" in rule] == [
        f"OUTPUT-PREFIX/{place}" for place in PASSING
    ]
    [uploads] = [rule for rule in found if "AbortIncompleteMultipartUpload" in rule]
    assert uploads["Filter"] == {"Prefix": "OUTPUT-PREFIX/"}
    assert {
        *(rule["Expiration"]["Days"] for rule in found if "Expiration" in rule),
        uploads["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
    } == {2}
    assert all(rule["Status"] == "Enabled" for rule in found)


def test_nothing_is_overwritten_and_nothing_written_elsewhere() -> None:
    result = f"{OUTPUT}/OUTPUT-PREFIX/videos/film.0123abcd.mp4"
    whole = {"s3:ObjectCreationOperation": "true"}
    assert not allows("s3:PutObject", result, **whole)
    assert allows("s3:PutObject", result, **whole, **{"s3:if-none-match": "*"})
    assert allows("s3:PutObject", result, **{"s3:ObjectCreationOperation": "false"})  # a part
    elsewhere = ("SOURCE-BUCKET/film.mp4", "OUTPUT-BUCKET/film.mp4", "OUTPUT-BUCKET/other/videos/x")
    for place in elsewhere:
        once = {**whole, "s3:if-none-match": "*"}
        assert not allows("s3:PutObject", f"arn:aws:s3:::{place}", **once)
    assert not allows("s3:GetObject", "arn:aws:s3:::ANOTHER-BUCKET/film.mp4")


def test_only_the_page_of_a_run_may_be_written_again() -> None:
    whole = {"s3:ObjectCreationOperation": "true"}
    under = f"{OUTPUT}/OUTPUT-PREFIX"
    assert allows("s3:PutObject", f"{under}/runs/tonight/report/index.html", **whole)
    once = [
        *(place for place in places() if "/report/" not in place),
        "thumbnails/film.0123abcd.parquet",
        "runs/tonight/decisions.json",
        "videos/runs/tonight/report/film.0123abcd.mp4",
    ]
    assert [place for place in once if allows("s3:PutObject", f"{under}/{place}", **whole)] == []


def test_no_right_is_granted_that_nothing_needs() -> None:
    assert granted(WORKER) == set(NEEDS.values())


def test_every_worker_of_the_cluster_has_that_role_and_no_key() -> None:
    text = (ROOT / "ray_cluster.yaml").read_text("utf-8")
    types = yaml.safe_load(text)["available_node_types"]
    roles = {
        name: node["node_config"]["IamInstanceProfile"]["Name"]
        for name, node in types.items()
        if name != "head"
    }
    assert set(roles.values()) == {"fearrefactor-worker"}
    assert "infra/iam-worker.json" in text
    assert not re.search(r"AKIA|aws_secret", text, flags=re.IGNORECASE)
