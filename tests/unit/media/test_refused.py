from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import pytest
import tampered
from walk import copied, everywhere, index_of, masked

from fearrefactor.errors import UnsupportedError
from fearrefactor.media.boxes import SampleEntry
from fearrefactor.media.refused import refuse_entries

if TYPE_CHECKING:
    from pathlib import Path


def test_an_encrypted_film_is_refused_before_a_frame_of_it_is_decoded() -> None:
    with pytest.raises(UnsupportedError, match=r"encrypted samples \(\w+ stream \d\): decrypt"):
        index_of(tampered.encrypted())


@pytest.mark.parametrize("kind", ["encv", "enca"])
def test_an_encrypted_track_is_refused_by_its_name_alone(kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"encrypted samples .sample entry {kind}"):
        refuse_entries([SampleEntry("avc1", {}), SampleEntry(kind, {"sinf": b""})])


def test_half_a_picture_of_dolby_vision_is_refused_whatever_is_masked() -> None:
    with pytest.raises(UnsupportedError, match="Dolby Vision enhancement layer in a track of its"):
        index_of(tampered.dolby_vision(base_layer=False))


def test_dolby_vision_is_copied_with_its_record_and_rendered_without(tmp_path: Path) -> None:
    data = tampered.dolby_vision()
    index = index_of(data)
    assert "Dolby Vision" in index.info.unusual
    assert b"dvvC" in copied(data, index, tmp_path).read_bytes()
    result = masked(data, index, everywhere(index), tmp_path).read_bytes()
    assert b"dvvC" not in result
    assert index_of(result).info.color_trc == index.info.color_trc


def test_dolby_vision_that_nothing_else_can_show_is_copied_and_never_rendered(
    tmp_path: Path,
) -> None:
    data = tampered.dolby_vision(plays_as=0)
    index = index_of(data)
    assert b"dvvC" in copied(data, index, tmp_path).read_bytes()
    with pytest.raises(UnsupportedError, match="Dolby Vision: nothing can be shown without"):
        masked(data, index, everywhere(index), tmp_path)


@pytest.mark.parametrize("record", [b"", b"\1\0\x10"])
def test_a_cut_record_of_dolby_vision_says_nothing(record: bytes) -> None:
    refuse_entries([SampleEntry("hvc1", {"dvcC": record})])


def test_hevc_is_called_as_players_want_it_unless_its_source_was_not(tmp_path: Path) -> None:
    data = tampered.dolby_vision()
    renamed = data.replace(b"hev1", b"hvc1")
    assert renamed != data
    for film, name in ((data, "hev1"), (renamed, "hvc1")):
        result = copied(film, index_of(film), tmp_path)
        with av.open(io.BytesIO(result.read_bytes()), "r") as container:
            assert container.streams.video[0].codec_context.codec_tag == name
