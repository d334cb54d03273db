from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fake_stages import CARD, make_detections, make_index

from fearrefactor.core.detections import concatenate
from fearrefactor.core.identity import (
    detections_key,
    frames_key,
    plan_key,
    thumbnails_key,
    video_key,
)
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.errors import FidelityError, NotFoundError, StoreError
from fearrefactor.media.verify import Verified
from fearrefactor.pipeline.job import PinnedSource, Seen, Survey
from fearrefactor.pipeline.logs import sha256_of
from fearrefactor.pipeline.publish import Output
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.objects import ObjectStat
from fearrefactor.storage.plan_log import read_plan
from fearrefactor.storage.thumbnail_log import read_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

DETECT_ID, WORK_ID = "d1" * 32, "e2" * 32
DOGS = frozenset({3, 4, 20})
PREFIX = "night/"
VIDEO_KEY = PREFIX + video_key("film", WORK_ID, ".mp4")
REVIEW_KEY = PREFIX + video_key("film", WORK_ID, ".mp4", "review")
LOG_KEY = PREFIX + detections_key("film", DETECT_ID)
FRAMES_KEY = PREFIX + frames_key("film", DETECT_ID)
PLAN_KEY = PREFIX + plan_key("film", WORK_ID)


def seen_with(n_segments: int = 2, **changes: Any) -> Seen:
    index = make_index(24, n_segments)
    parts = [make_detections(segment, DOGS) for segment in index.segments]
    source = PinnedSource("film", "/nowhere", ObjectStat("film", 1000, "v1"))
    found = concatenate(parts)
    region = Region(Effect(), found.mask[0], 16.0, class_id=0)
    seen = Seen(
        row_key="film",
        video_id="film",
        survey=Survey(source, "ab" * 32, index, {}),
        card=CARD,
        detect_settings="fake",
        detections=found,
        kept=None,
        plan=MaskPlan(24, dict.fromkeys(sorted(DOGS), (region,))),
        reasons=(),
        detect_id=DETECT_ID,
        work_id=WORK_ID,
    )
    return replace(seen, **changes)


def result_of(folder: Path, content: bytes = b"a masked video") -> Verified:
    folder.mkdir(exist_ok=True)
    path = folder / "result.mp4"
    path.write_bytes(content)
    return Verified(path, hashlib.sha256(content).hexdigest(), 24)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "out")


@pytest.fixture
def output(store: FolderStore) -> Output:
    return Output(store, PREFIX)


def test_a_result_stands_under_its_ids_with_its_checksums_and_counts(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    result = result_of(tmp_path / "work")
    published = output.publish(seen_with(), result)
    assert (published.output_key, published.detections_key) == (VIDEO_KEY, LOG_KEY)
    assert (store.root / VIDEO_KEY).read_bytes() == b"a masked video"
    assert published.output_sha256 == sha256_of(store.root / VIDEO_KEY)
    assert published.detections_sha256 == sha256_of(store.root / LOG_KEY)
    assert (published.n_frames, published.n_masked_frames, published.n_detections) == (24, 3, 3)
    assert not published.reused
    told = store.stat(VIDEO_KEY).metadata
    assert (told["work-id"], told["source-sha256"]) == (WORK_ID, "ab" * 32)
    assert told["plan-sha256"] == published.plan_sha256 == sha256_of(store.root / PLAN_KEY)


def test_what_was_seen_and_what_was_masked_come_back_from_the_logs(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    seen = seen_with()
    published = output.publish(seen, result_of(tmp_path / "work"))
    assert read_plan(store.root / published.plan_key)[0] == seen.plan
    logged = output.logs.detections("film", DETECT_ID)
    assert logged is not None
    assert logged.kept is not None
    assert PREFIX + logged.kept.key == published.detections_key
    assert logged.kept.sha256 == published.detections_sha256
    assert logged.pts.tolist() == list(range(24))
    assert logged.detections.frame.tolist() == sorted(DOGS)
    assert logged.detections.mask == seen.detections.mask
    assert output.logs.model(published.detections_key) == (CARD, "fake")


def test_what_was_published_is_found_again_in_full(output: Output, tmp_path: Path) -> None:
    assert output.find("film", WORK_ID) is None
    published = output.publish(seen_with(), result_of(tmp_path / "work"))
    assert output.find("film", WORK_ID) == replace(published, reused=True)


def test_small_pictures_are_kept_before_the_video_is_there(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    picture = Thumbnail(Moment(3, "first"), 0.125, 64, 48, b"\xff\xd8\xff")
    result = replace(result_of(tmp_path / "work"), thumbnails=(picture,))
    store.create(VIDEO_KEY, b"somebody else's", {})
    with pytest.raises(StoreError, match="is there and is not this video"):
        output.publish(seen_with(), result)
    kept = store.root / PREFIX / thumbnails_key("film", WORK_ID)
    assert read_thumbnails(kept) == ((picture,), {"video_id": "film", "work_id": WORK_ID})


def test_where_no_picture_was_taken_none_are_kept(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    assert list(store.list(f"{PREFIX}thumbnails/")) == []


def test_other_work_on_the_same_row_is_not_found(output: Output, tmp_path: Path) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    assert output.find("film", "e3" * 32) is None
    same_beginning = WORK_ID[:8] + "0" * 56
    assert output.find("film", same_beginning) is None
    assert output.find("fil", WORK_ID) is None


def test_the_second_publisher_of_the_same_work_gets_the_result_of_the_first(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    first = output.publish(seen_with(), result_of(tmp_path / "first", b"first"))
    second = output.publish(seen_with(), result_of(tmp_path / "second", b"second"))
    assert second == replace(first, reused=True)
    assert (store.root / VIDEO_KEY).read_bytes() == b"first"


def test_a_foreign_object_at_the_key_is_an_error_and_stays_as_it_is(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    store.create(VIDEO_KEY, b"somebody else's", {})
    with pytest.raises(StoreError, match="is there and is not this video; move it away"):
        output.publish(seen_with(), result_of(tmp_path / "work"))
    assert (store.root / VIDEO_KEY).read_bytes() == b"somebody else's"


@pytest.mark.parametrize("key", [LOG_KEY, FRAMES_KEY, PLAN_KEY])
@pytest.mark.parametrize("metadata", [{}, {"detect-id": "ff" * 32, "sha256": "00" * 32}])
def test_a_foreign_object_at_the_key_of_a_log_stays_and_no_result_names_it(
    output: Output, store: FolderStore, tmp_path: Path, key: str, metadata: dict[str, str]
) -> None:
    store.create(key, b"not ours", metadata)
    published = output.publish(seen_with(), result_of(tmp_path / "work"))
    assert (store.root / key).read_bytes() == b"not ours"
    assert key not in {published.detections_key, published.plan_key}
    for name, sha256 in (
        (published.detections_key, published.detections_sha256),
        (published.plan_key, published.plan_sha256),
    ):
        assert sha256_of(store.root / name) == sha256
    assert output.find("film", WORK_ID) == replace(published, reused=True)
    assert output.logs.detections("film", DETECT_ID) is not None


@pytest.mark.parametrize("key", [LOG_KEY, FRAMES_KEY])
def test_a_damaged_log_is_not_read_and_the_next_result_names_a_whole_one(
    output: Output, store: FolderStore, tmp_path: Path, key: str
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "first"))
    damage(store, key)
    assert output.logs.detections("film", DETECT_ID) is None
    second = output.publish(seen_with(work_id="e4" * 32), result_of(tmp_path / "second"))
    assert sha256_of(store.root / second.detections_key) == second.detections_sha256
    again = output.logs.detections("film", DETECT_ID)
    assert again is not None
    assert again.kept is not None
    assert PREFIX + again.kept.key == second.detections_key
    assert second.detections_key != LOG_KEY


def test_where_even_the_second_name_is_damaged_nothing_is_published(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    for number in range(2):
        work_id = f"{number}a" * 32
        done = output.publish(seen_with(work_id=work_id), result_of(tmp_path / str(number)))
        damage(store, done.detections_key)
    with pytest.raises(StoreError, match="is there and is damaged; move it away"):
        output.publish(seen_with(), result_of(tmp_path / "work"))
    with pytest.raises(NotFoundError):
        store.stat(VIDEO_KEY)


def damage(store: FolderStore, key: str) -> None:
    """Turn a bit in the middle, as a disk may do: size, time and metadata stay as they were."""
    path = store.root / key
    content, times = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "sha256" in store.stat(key).metadata


def test_a_result_whose_detections_are_lost_is_not_reused_but_gets_them_back(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    first = output.publish(seen_with(), result_of(tmp_path / "first", b"first"))
    store.delete(LOG_KEY)
    assert output.find("film", WORK_ID) is None
    again = output.publish(seen_with(), result_of(tmp_path / "again", b"again"))
    assert again == replace(first, reused=True)
    assert sha256_of(store.root / LOG_KEY) == first.detections_sha256


@pytest.mark.parametrize("lost", ["sha256", "frames", "detections-sha256"])
def test_a_result_that_does_not_say_what_it_is_is_not_reused(
    output: Output, store: FolderStore, tmp_path: Path, lost: str
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    told = {key: value for key, value in store.stat(VIDEO_KEY).metadata.items() if key != lost}
    store.delete(VIDEO_KEY)
    store.create(VIDEO_KEY, b"x", {key: told[key] for key in told if key != "attempt"})
    assert output.find("film", WORK_ID) is None


def test_another_policy_names_the_log_that_its_detections_were_read_from(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    first = output.publish(seen_with(), result_of(tmp_path / "first"))
    logged = output.logs.detections("film", DETECT_ID)
    assert logged is not None
    other_cut = seen_with(n_segments=4, work_id="e4" * 32, kept=logged.kept)
    second = output.publish(other_cut, result_of(tmp_path / "second", b"filled"))
    assert not second.reused
    assert second.output_key != first.output_key
    assert (second.detections_key, second.detections_sha256) == (
        first.detections_key,
        first.detections_sha256,
    )
    assert [found.key for found in store.list(f"{PREFIX}detections/")] == [LOG_KEY]


def test_detections_of_another_model_or_of_other_content_are_not_taken_for_these(
    output: Output, tmp_path: Path
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    same_beginning = DETECT_ID[:8] + "0" * 56
    assert output.logs.detections("film", same_beginning) is None
    assert output.logs.detections("fil", DETECT_ID) is None
    assert output.logs.model("night/detections/nobody.parquet") is None


@pytest.mark.parametrize("key", [LOG_KEY, FRAMES_KEY])
def test_a_whole_file_of_another_program_is_no_log(
    output: Output, store: FolderStore, tmp_path: Path, key: str
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    for name in (FRAMES_KEY, LOG_KEY):
        told = dict(store.stat(name).metadata)
        told.pop("attempt")
        content = b"PAR1 not really PAR1" if name == key else (store.root / name).read_bytes()
        if name == FRAMES_KEY:
            frames_sha256 = told["sha256"] = hashlib.sha256(content).hexdigest()
        else:
            told |= {"sha256": hashlib.sha256(content).hexdigest(), "frames-sha256": frames_sha256}
        store.delete(name)
        store.create(name, content, told)
    assert output.logs.detections("film", DETECT_ID) is None
    assert (output.logs.model(LOG_KEY) is None) == (key == LOG_KEY)


def test_what_a_person_is_to_see_first_stands_apart_with_the_reasons(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    seen = seen_with(reasons=("masked in 80 % of 24 frames, limit 50 %", "“doubtful”"))
    published = output.publish(seen, result_of(tmp_path / "work"))
    assert (published.outcome, published.output_key) == ("review", REVIEW_KEY)
    assert published.reason == "masked in 80 % of 24 frames, limit 50 %; \\u201cdoubtful\\u201d"
    assert list(store.list(f"{PREFIX}videos/")) == []
    assert output.find("film", WORK_ID) == replace(published, reused=True)


def test_where_one_result_waits_for_a_person_no_other_is_found(
    output: Output, tmp_path: Path
) -> None:
    output.publish(seen_with(), result_of(tmp_path / "one"))
    waiting = output.publish(seen_with(reasons=("why",)), result_of(tmp_path / "two"))
    assert output.find("film", WORK_ID) == replace(waiting, reused=True)


@pytest.mark.parametrize("told", [{"approved-by": "Ada"}, {}])
def test_a_copy_of_what_waits_is_found_only_if_somebody_has_approved_it(
    output: Output, store: FolderStore, tmp_path: Path, told: dict[str, str]
) -> None:
    waiting = output.publish(seen_with(reasons=("why",)), result_of(tmp_path / "work"))
    metadata = dict(store.stat(REVIEW_KEY).metadata) | {"outcome": "masked"} | told
    for name in ("attempt", "reason"):
        del metadata[name]
    store.create(VIDEO_KEY, b"a masked video", metadata)
    found = output.find("film", WORK_ID)
    assert found is not None
    assert (found.output_key, found.outcome) == (
        (VIDEO_KEY, "masked") if told else (REVIEW_KEY, "review")
    )
    assert replace(found, output_key="", outcome="review", reason=None) == replace(
        waiting, output_key="", reason=None, reused=True
    )


def test_reasons_of_any_length_fit_into_the_metadata(output: Output, tmp_path: Path) -> None:
    seen = seen_with(reasons=tuple("é" * 300 for _ in range(9)))
    reason = output.publish(seen, result_of(tmp_path / "work")).reason
    assert reason is not None
    assert reason.startswith("\\xe9" * 99)
    assert len(reason) <= 400


def test_a_file_that_was_changed_after_it_was_verified_is_not_published(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    verified = result_of(tmp_path / "work")
    verified.path.write_bytes(b"another video")
    with pytest.raises(FidelityError, match="expected the file that was verified"):
        output.publish(seen_with(), verified)
    assert list(store.list("")) == []
