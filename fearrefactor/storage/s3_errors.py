"""What botocore's errors mean, in the words of a store."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, no relation of the builtin
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from fearrefactor.errors import NotFoundError, StoreError

#: Everything that a call of a client may raise.
CALL_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
_PASSING = (
    HTTPClientError,
    ConnectionError,
    IncompleteReadError,
    FlexibleChecksumError,
    ResponseParserError,  # half a listing
    OSError,  # from the socket under a body
)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
#: Matters of rights that S3 reports with a status other than 403.
_ACCESS_CODES = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
_BUSY_CODES = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"})

_NEEDS = {
    "HeadObject": "s3:GetObject, and s3:ListBucket: without it a missing key looks forbidden",
    "GetObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObject": "s3:DeleteObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}


def status(error: Exception) -> int:
    """The HTTP status of a reply, 0 when there was none."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return 0


def code(error: Exception) -> str:
    """S3's own word for the error, empty when there was no reply."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def is_passing(error: Exception) -> bool:
    """Whether the same request may go through later, and may have taken effect already."""
    return (
        isinstance(error, _PASSING)
        or status(error) >= 500
        or status(error) == 429
        or code(error) in _BUSY_CODES
    )


def explain(error: Exception, uri: str, operation: str) -> StoreError:
    """The store's error for what botocore raised when ``operation`` was asked for ``uri``."""
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if isinstance(error, _NO_CREDENTIALS):
        return StoreError(
            f"{uri}: no usable AWS credentials ({error}); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, set AWS_PROFILE, or give the machine a role",
            code="access_denied",
        )
    if status(error) == 403 or code(error) in _ACCESS_CODES:
        needs = _NEEDS.get(operation, "s3:PutObject")
        return StoreError(
            f"{uri}: access denied ({code(error)}); check the credentials, they need {needs}; and "
            "whose bucket it is, where --bucket-owner is given",
            code="access_denied",
        )
    if code(error) == "NoSuchBucket":
        return NotFoundError(f"{uri}: there is no bucket {bucket!r}; check its name and endpoint")
    if status(error) == 404:
        return NotFoundError(f"{uri}: there is no such object, or no bucket {bucket!r}")
    return StoreError(f"{uri}: {_in_words(error, bucket, operation)}")


def _in_words(error: Exception, bucket: str, operation: str) -> str:
    if status(error) in {301, 307, 400} and code(error) in {
        "301",
        "307",
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
    }:
        return f"bucket {bucket!r} is in another region; set its region ({error})"
    if isinstance(error, ParamValidationError):
        return f"S3 has no such bucket name or key ({error})"
    if is_passing(error):
        return f"{operation} got no good answer, also when tried again; is S3 reachable? ({error})"
    return f"{operation} was refused: {error}"
