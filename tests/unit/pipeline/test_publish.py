from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_stages import CARD, make_detections, make_index

from fearrefactor.core.detections import concatenate
from fearrefactor.core.identity import detections_key, video_key
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.pipeline.job import PinnedSource, Seen, Survey
from fearrefactor.pipeline.publish import Output, sha256_of
from fearrefactor.storage.detection_log import read_detections
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.objects import ObjectStat

if TYPE_CHECKING:
    from pathlib import Path

DETECT_ID, WORK_ID = "d1" * 32, "e2" * 32
DOGS = frozenset({3, 4, 20})
PREFIX = "night/"
VIDEO_KEY = PREFIX + video_key("film", WORK_ID, ".mp4")
LOG_KEY = PREFIX + detections_key("film", DETECT_ID)


def seen_with(n_segments: int = 2, **changes: str) -> Seen:
    index = make_index(24, n_segments)
    parts = [make_detections(segment, DOGS) for segment in index.segments]
    source = PinnedSource("film", "/nowhere", ObjectStat("film", 1000, "v1"))
    seen = Seen(
        row_key="film",
        video_id="film",
        survey=Survey(source, "ab" * 32, index, {}),
        card=CARD,
        detections=concatenate(parts),
        outcome="masked",
        n_masked_frames=3,
        detect_id=DETECT_ID,
        work_id=WORK_ID,
    )
    return replace(seen, **changes)  # type: ignore[arg-type]


def result_of(folder: Path, content: bytes = b"a masked video") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "result.mp4"
    path.write_bytes(content)
    return path


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


def test_detections_come_back_as_they_were_seen(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    seen = seen_with()
    output.publish(seen, result_of(tmp_path / "work"))
    back, told = read_detections(store.root / LOG_KEY)
    assert told["detect_id"] == DETECT_ID
    assert back.frames.tolist() == list(range(24))
    assert back.frame.tolist() == sorted(DOGS)
    assert back.mask == seen.detections.mask


def test_what_was_published_is_found_again_in_full(output: Output, tmp_path: Path) -> None:
    assert output.find("film", DETECT_ID, WORK_ID) is None
    published = output.publish(seen_with(), result_of(tmp_path / "work"))
    assert output.find("film", DETECT_ID, WORK_ID) == replace(published, reused=True)


def test_other_work_on_the_same_row_is_not_found(output: Output, tmp_path: Path) -> None:
    output.publish(seen_with(), result_of(tmp_path / "work"))
    assert output.find("film", DETECT_ID, "e3" * 32) is None
    same_beginning = WORK_ID[:8] + "0" * 56
    assert output.find("film", DETECT_ID, same_beginning) is None
    assert output.find("fil", DETECT_ID, WORK_ID) is None


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


@pytest.mark.parametrize("metadata", [{}, {"detect-id": "ff" * 32, "sha256": "00" * 32}])
def test_foreign_detections_at_the_key_keep_the_video_from_being_published(
    output: Output, store: FolderStore, tmp_path: Path, metadata: dict[str, str]
) -> None:
    store.create(LOG_KEY, b"not ours", metadata)
    with pytest.raises(StoreError, match="holds other detections"):
        output.publish(seen_with(), result_of(tmp_path / "work"))
    with pytest.raises(NotFoundError):
        store.stat(VIDEO_KEY)


def test_a_result_whose_detections_are_lost_is_not_reused_but_gets_them_back(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    first = output.publish(seen_with(), result_of(tmp_path / "first", b"first"))
    store.delete(LOG_KEY)
    assert output.find("film", DETECT_ID, WORK_ID) is None
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
    assert output.find("film", DETECT_ID, WORK_ID) is None


def test_another_policy_shares_the_detections_that_are_there(
    output: Output, store: FolderStore, tmp_path: Path
) -> None:
    first = output.publish(seen_with(), result_of(tmp_path / "first"))
    other_cut = seen_with(n_segments=4, work_id="e4" * 32)
    second = output.publish(other_cut, result_of(tmp_path / "second", b"filled"))
    assert not second.reused
    assert second.output_key != first.output_key
    assert second.detections_sha256 == first.detections_sha256 == sha256_of(store.root / LOG_KEY)
