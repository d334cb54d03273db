"""What each reason code means and what to do about it, as ``docs/operations.md`` tells it."""

from __future__ import annotations

from typing import Final, NamedTuple

from fearrefactor.core.settings import LIMITED


class Meaning(NamedTuple):
    """Of a code: what has happened, and what whoever reads it can do."""

    meaning: str
    what_to_do: str


_RETRY: Final = "Do it again ('fearrefactor retry' names the rows)"
_TELL: Final = "Tell us: this should not happen."

#: By code, in the order of ``docs/operations.md``.
MEANINGS: Final[dict[str, Meaning]] = {
    "bad_row": Meaning(
        "the manifest's row cannot be read, or has no uri", "Mend the row in the manifest."
    ),
    "duplicate_id": Meaning(
        "an earlier row has the same id and differs in another column; the first one is done",
        "Give the row another id.",
    ),
    "unknown_scheme": Meaning(
        "the uri is neither s3://, file:// nor a path", "Mend the row in the manifest."
    ),
    "not_allowed": Meaning(
        "the uri is not under one of --sources-under",
        "Mend the row, or name its place with --sources-under.",
    ),
    **dict.fromkeys(
        ("bad_policy", "unknown_class"),
        Meaning(
            "the row's policy cannot be used, or names a class that the model does not know",
            "Mend the policy: the message names line and nearest class.",
        ),
    ),
    "not_found": Meaning("there is no such object", f"{_RETRY} once it is there."),
    "access_denied": Meaning(
        "the store refuses; the message names the permission that is missing",
        f"{_RETRY} once it is granted.",
    ),
    "source_changed": Meaning(
        "the object was overwritten while it was being read; in render, since the earlier run "
        "saw it",
        f"{_RETRY}; after render, by mask.",
    ),
    "no_detections": Meaning(
        "render finds no whole detections of this content and model", "Use mask for it."
    ),
    "store_error": Meaning(
        "the store did not answer, or not as it should, for about a minute", f"{_RETRY}."
    ),
    "disk_full": Meaning(
        "a disk had no room for packets, for a result or, where the output is a folder, for that; "
        "see disk and memory",
        f"{_RETRY} when there is room.",
    ),
    "empty_file": Meaning("0 bytes", "Upload the video anew."),
    "not_a_video": Meaning(
        "none of the formats that are taken, whatever its name says",
        "Upload it in another format.",
    ),
    "no_video_stream": Meaning("sound only", "Nothing to do: there is no picture to mask."),
    "truncated": Meaning(
        "frames or bytes that the file promises are missing", "Upload the video anew."
    ),
    "decode_error": Meaning("a frame cannot be decoded", "Upload the video anew."),
    "unsupported": Meaning(
        "masking it would lose a property; the message names it (transparency, a pixel format "
        "that no encoder here takes, a change of size on the way), or nobody can look into it "
        "(encrypted samples)",
        "Upload it in another format.",
    ),
    **dict.fromkeys(
        (f"limit_{name}" for name in LIMITED),
        Meaning(
            "the source is larger than its limits allow",
            "Allow more with --limit, if you trust it.",
        ),
    ),
    "limit_memory": Meaning(
        "a step needs more memory than a media process may have",
        "Allow more with --media-memory.",
    ),
    "limit_time": Meaning(
        "a step took longer than it may: a decoder that never ends, or a machine with far too "
        "much to do",
        f"{_RETRY}, on a quieter machine, or with --patience.",
    ),
    "limit_output": Meaning("the result grew to more than twice what goes into it", _TELL),
    "no_sandbox": Meaning(
        "this machine cannot lock in what parses videos, and --require-sandbox asks for it; or "
        "its FFmpeg is older than 8.0",
        f"{_RETRY} on another machine.",
    ),
    "model_error": Meaning(
        "the model gave no usable answer for some frame, or has gone blind",
        f"{_RETRY} with another model or device.",
    ),
    "fidelity": Meaning("the finished file was not what it should be; it was thrown away", _TELL),
    "leak": Meaning(
        "the audit still recognises in the masked video what should be hidden; it was thrown away",
        "Use an effect that hides more, or 'on_leak: review'.",
    ),
    "rejected": Meaning(
        "a person has looked at the masked video and rejected it: it stays under review/ and is "
        "not published",
        "Mask it by another policy, or decide again.",
    ),
    "interrupted": Meaning(
        "the driver died while it had the row in hand, and no result of it was published; "
        "reconcile says so. Or twenty of its workers were lost with their machines",
        f"{_RETRY}.",
    ),
    "poison": Meaning(
        "three processes died in one and the same step of this video, or twelve in all its steps; "
        "a run that goes on does not try it again",
        "Look at it in a safe place.",
    ),
    "internal": Meaning(
        "something nobody foresaw; the log has the trace",
        f"{_RETRY}, once; tell us if it comes again.",
    ),
}
