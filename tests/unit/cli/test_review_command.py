"""``review``: what a person decides about videos of an earlier run is done, or nothing is."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lamp_clips import HEIGHT, clip, decoded
from nights import Night, rows_in
from stub_model import COLOURS, lamp_bits

from fearrefactor.core.identity import video_key
from fearrefactor.core.policy import Effect, Policy, Review, Rule
from fearrefactor.core.report import VideoReport
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.plan_log import read_plan
from fearrefactor.storage.report_log import read_facts, read_reports

if TYPE_CHECKING:
    from s3_server import S3Server
    from shell import Said, Shell

    from fearrefactor.storage.s3 import S3Settings

RED = Policy(
    name="red",
    rules=(Rule(classes=("red",), effect=Effect(kind="fill")),),
    review=Review(masked_frames=0.1),
)
#: The lower half, in which the green lamp is.
LOWER = {"always": [{"box": [0, 0.5, 1, 1]}]}
N_FRAMES = 12


def night_of(folder: Path) -> Night:
    """Three films of which a person is to see the results, and one without anything to mask."""
    lit = {"red": range(N_FRAMES), "green": range(N_FRAMES)}
    contents = [clip(lit, N_FRAMES, seed=seed) for seed in range(3)]
    contents.append(clip({"blue": range(N_FRAMES)}, N_FRAMES))
    rows = [row | {"shift": "night"} for row in rows_in(folder / "films", contents)]
    return Night(str(folder / "out"), rows, policy=RED, job={"audit": "none"})


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, list[VideoReport]]:
    """A night that is over, and its reports by row."""
    night = night_of(tmp_path_factory.mktemp("looked-at"))
    _, reports = night.run()
    reports.sort(key=lambda told: told.row)
    assert [told.outcome for told in reports] == ["review", "review", "review", "clean"]
    return night, reports


@dataclass(frozen=True)
class Desk:
    """Where a moderator works: an output of one's own, and the commands about its run."""

    shell: Shell
    night: Night
    told: list[VideoReport]
    folder: Path

    @property
    def output(self) -> Path:
        return Path(self.night.output)

    @property
    def run(self) -> Path:
        return self.output / "runs" / "night"

    def decision(self, row: int, kind: str, **more: Any) -> dict[str, Any]:
        told = self.told[row - 1]
        seen = {"row": row, "id": told.id, "output_sha256": told.output_sha256}
        return seen | {"decision": kind} | more

    def decided(self, *decisions: dict[str, Any], **changes: Any) -> Path:
        said = {"run_id": "night", "by": "Ada", "at": "2026-11-22T02:08:09Z"}
        path = self.folder / "decisions.json"
        path.write_text(json.dumps(said | {"decisions": decisions} | changes), "utf-8")
        return path

    def apply(self, run_id: str, *decisions: dict[str, Any], **changes: Any) -> Said:
        path = self.decided(*decisions, **changes)
        return self.shell("review", "apply", path, "--run", self.run, "--run-id", run_id)

    def reports(self, run_id: str) -> list[VideoReport]:
        rows = read_reports(self.output / "runs" / run_id / "videos.parquet")
        found = [VideoReport.model_validate(row) for row in rows]
        return sorted(found, key=lambda told: told.row)

    def videos(self) -> set[str | None]:
        return {f"videos/{path.name}" for path in (self.output / "videos").glob("*.mp4")}

    def files(self, *places: str) -> dict[str, tuple[int, bytes]]:
        found = (path for place in places or (".",) for path in (self.output / place).rglob("*"))
        return {
            str(path.relative_to(self.output)): (path.stat().st_mtime_ns, path.read_bytes())
            for path in found
            if path.is_file()
        }


@pytest.fixture
def desk(shell: Shell, looked_at: tuple[Night, list[VideoReport]], tmp_path: Path) -> Desk:
    night, told = looked_at
    shutil.copytree(night.output, tmp_path / "out")
    return Desk(shell, replace(night, output=str(tmp_path / "out")), told, tmp_path)


def lit(path: Path, colour: str) -> int:
    """In how many frames a lamp of a colour shines."""
    number = COLOURS.index(colour)
    return sum(bool(lamp_bits(frame, number).any()) for frame in decoded(path))


def test_decisions_are_done_as_a_run_of_its_own_and_doing_them_twice_changes_nothing(
    desk: Desk,
) -> None:
    decisions = (
        desk.decision(3, "reject", note="too much"),
        desk.decision(1, "approve"),
        desk.decision(2, "mask_more", more=LOWER),
    )
    before = desk.files("review", "detections", "frames", "runs/night")
    said = desk.apply("decided", *decisions)
    assert (said.code, said.err) == (2, "")  # one was rejected
    approved, more, rejected = desk.reports("decided")
    ends = [(told.outcome, told.code) for told in (approved, more, rejected)]
    assert ends == [("masked", None), ("masked", None), ("failed", "rejected")]
    assert [told.n_model_frames for told in (approved, more, rejected)] == [0, 0, 0]

    first = desk.told[0]
    copy, original = desk.output / str(approved.output_key), desk.output / str(first.output_key)
    assert approved.output_key == str(first.output_key).replace("review/", "videos/")
    assert copy.read_bytes() == original.read_bytes()
    assert (approved.reused, approved.work_id, approved.reason) == (False, first.work_id, None)
    told = FolderStore(desk.output).stat(str(approved.output_key)).metadata
    assert (told["approved-by"], told["approved-at"]) == ("Ada", "2026-11-22T02:08:09Z")
    assert (told["outcome"], told["sha256"]) == ("masked", first.output_sha256)

    assert (more.policy, more.detections_reused) == ("red-more", True)
    video = desk.output / str(more.output_key)
    assert more.output_key == video_key(more.id, str(more.work_id), ".mp4")
    assert (lit(video, "red"), lit(video, "green")) == (0, 0)
    assert lit(desk.output / str(desk.told[1].output_key), "green") == N_FRAMES
    assert all(
        int(abs(frame[HEIGHT // 2 + 2 :].astype(int) - 128).max()) < 16 for frame in decoded(video)
    )

    assert rejected.output_key is None
    assert rejected.reason == "rejected by Ada at 2026-11-22T02:08:09Z: too much"
    videos = {approved.output_key, more.output_key, desk.told[3].output_key}
    assert desk.videos() == videos

    assert approved.notes[-1] == "approved by Ada at 2026-11-22T02:08:09Z"
    assert more.notes[-1] == "more masked, as asked by Ada at 2026-11-22T02:08:09Z"
    assert rejected.extra == {
        "shift": "night",
        "review_run": "night",
        "review_decision": "reject",
        "review_by": "Ada",
        "review_at": "2026-11-22T02:08:09Z",
        "review_note": "too much",
    }
    run = desk.output / "runs" / "decided"
    assert (run / "decisions.json").read_bytes() == desk.decided(*decisions).read_bytes()
    assert {told.policy_digest for told in (approved, more)} <= set(
        read_facts(run / "videos.parquet").policies
    )
    assert desk.files("review", "detections", "frames", "runs/night") == before

    after = desk.files("review", "videos", "plans", "detections", "frames", "thumbnails")
    assert desk.apply("again", *decisions).code == 2
    again = desk.reports("again")
    assert [told.reused for told in again] == [True, True, False]
    assert [(told.outcome, told.output_key) for told in again] == [
        (told.outcome, told.output_key) for told in (approved, more, rejected)
    ]
    assert desk.files("review", "videos", "plans", "detections", "frames", "thumbnails") == after


def test_the_same_work_done_later_is_found_as_it_was_decided(desk: Desk) -> None:
    desk.apply("decided", desk.decision(1, "approve"), desk.decision(3, "reject"))
    _, reports = desk.night.again("later").run()
    reports.sort(key=lambda told: told.row)
    assert [told.outcome for told in reports] == ["masked", "review", "review", "clean"]
    assert all(told.reused for told in reports)
    assert reports[0].output_key == desk.reports("decided")[0].output_key


def test_a_class_can_be_masked_more_and_what_was_masked_before_is_masked_still(desk: Desk) -> None:
    more = {"classes": ["green"], "margin": 0.2, "confidence": 0.95}
    assert desk.apply("decided", desk.decision(1, "mask_more", more=more)).code == 0
    (told,) = desk.reports("decided")
    assert (lit(desk.output / str(told.output_key), "green"), told.n_masked_frames) == (0, N_FRAMES)
    earlier, _ = read_plan(desk.output / str(desk.told[0].plan_key))
    plan, _ = read_plan(desk.output / str(told.plan_key))
    for frame, found in earlier.regions.items():
        bits = [region.mask.bits() for region in plan.regions[frame]]
        for region in found:
            assert any((one >= region.mask.bits()).all() for one in bits)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"row": 9}, "row 9 (film-00000): the run has no such row"),
        ({"id": "other"}, "row 1 (other): the row's id is film-00000"),
        ({"output_sha256": "0f" * 32}, "another result was looked at; look at this one"),
        ({"row": 4, "id": "film-00003"}, "it is not for review: it ended as clean"),
        (
            {"decision": "mask_more", "more": {"classes": ["gren"]}},
            "model lamp-finder has no class 'gren'; nearest: green",
        ),
        (
            {"decision": "mask_more", "more": {"keep": [{"classes": ["blue"], "inside": ["red"]}]}},
            "policy red with what is to be kept: expected classes that a rule masks (red)",
        ),
    ],
)
def test_what_does_not_fit_to_the_run_is_named_and_nothing_is_done(
    desk: Desk, changes: dict[str, Any], said: str
) -> None:
    before = desk.files()
    wrong = desk.decision(1, "approve") | changes
    right = desk.decision(2, "approve")
    answer = desk.apply("decided", right, wrong, {"row": 77, "id": "x"} | wrong | {"row": 77})
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Error: nothing was done:\nnight: row ")
    assert said in answer.err
    assert answer.err.count("the run has no such row") == 1 + (changes.get("row") == 9)
    assert desk.files() == before


def test_decisions_about_another_run_are_refused(desk: Desk) -> None:
    before = desk.files()
    path = desk.decided(desk.decision(1, "approve"), run_id="other")
    answer = desk.shell("review", "apply", path, "--run", desk.run)
    assert (answer.code, "are about run 'other', not about 'night'" in answer.err) == (1, True)
    missing = desk.shell("review", "apply", desk.folder / "no.json", "--run", desk.run)
    assert (missing.code, "there is no file of decisions" in missing.err) == (1, True)
    assert desk.files() == before


def test_a_result_that_is_no_longer_what_was_looked_at_is_not_approved(desk: Desk) -> None:
    path = desk.output / str(desk.told[0].output_key)
    content = path.read_bytes()
    path.unlink()
    answer = desk.apply("decided", desk.decision(1, "approve"))
    assert (answer.code, "is gone; mask it anew and look at that" in answer.err) == (1, True)
    FolderStore(desk.output).create(str(desk.told[0].output_key), b"x", {"sha256": "0e" * 32})
    answer = desk.apply("decided", desk.decision(1, "approve"))
    assert (answer.code, "is not what was looked at: expected the sha256" in answer.err) == (
        1,
        True,
    )
    assert not (desk.output / "runs" / "decided").exists()

    path.unlink()
    metadata = {"sha256": str(desk.told[0].output_sha256), "work-id": str(desk.told[0].work_id)}
    FolderStore(desk.output).create(str(desk.told[0].output_key), content + b"!", metadata)
    assert desk.apply("decided", desk.decision(1, "approve")).code == 2
    (told,) = desk.reports("decided")
    assert (told.outcome, told.code, told.output_key) == ("failed", "fidelity", None)
    assert desk.videos() == {desk.told[3].output_key}


def test_somebody_else_may_decide_later_but_cannot_reject_what_is_published(desk: Desk) -> None:
    reject, approve = desk.decision(1, "reject"), desk.decision(1, "approve")
    assert desk.apply("first", reject).code == 2
    assert desk.apply("second", approve, by="Eve").code == 0
    before = desk.files()
    answer = desk.apply("third", reject)
    video = desk.output / str(desk.reports("second")[0].output_key)
    assert (answer.code, f"take {video} away, then reject it" in answer.err) == (1, True)
    assert desk.files() == before
    more = desk.decision(1, "mask_more", more=LOWER)
    assert desk.apply("fourth", more).code == 0
    (told,) = desk.reports("fourth")
    assert told.notes[-1].endswith(f"; {video} was approved before and is still there")
    assert video.is_file()
    assert told.output_key != str(video.relative_to(desk.output))


def test_rejecting_what_was_masked_more_names_what_is_still_published(desk: Desk) -> None:
    assert desk.apply("first", desk.decision(1, "mask_more", more=LOWER)).code == 0
    video = desk.output / str(desk.reports("first")[0].output_key)
    assert desk.apply("second", desk.decision(1, "reject")).code == 2
    (told,) = desk.reports("second")
    assert told.code == "rejected"
    said = [told.reason or "", *told.notes]
    assert any(f"{video} was published before and is still there" in text for text in said)


def test_a_run_goes_on_with_its_own_decisions_only(desk: Desk) -> None:
    decision = desk.decision(1, "approve")
    run = desk.output / "runs" / "decided"
    FolderStore(run).create("decisions.json", b"{}", {})
    answer = desk.apply("decided", decision)
    assert (answer.code, "was begun with other decisions" in answer.err) == (1, True)
    assert desk.videos() == {desk.told[3].output_key}
    (run / "decisions.json").write_bytes(desk.decided(decision).read_bytes())
    assert desk.apply("decided", decision).code == 0
    assert "is already there; choose another --run-id" in desk.apply("decided", decision).err


def test_a_template_lists_every_video_and_rejects_all_of_them(desk: Desk) -> None:
    said = desk.shell("review", "list", desk.run, "--json")
    listed = json.loads(said.out)
    assert [(one["row"], one["id"]) for one in listed] == [
        (told.row, told.id) for told in desk.told[:3]
    ]
    assert listed[0]["place"] == str(desk.output / str(desk.told[0].output_key))
    assert listed[0]["reason"].startswith("masked in 100 % of 12 frames, limit 10 %")
    table = desk.shell("review", "list", desk.run).out
    assert "3 videos for review" in table
    assert "100 %" in table

    path = desk.folder / "all.json"
    words = ("review", "template", desk.run, "--by", "Ada")
    printed = json.loads(desk.shell(*words).out)
    assert desk.shell(*words, "-o", path).out == f"3 decisions written to {path}\n"
    assert json.loads(path.read_text("utf-8"))["decisions"] == printed["decisions"]
    assert "is already there" in desk.shell(*words, "-o", path).err
    words = ("review", "apply", path, "--run", desk.run, "--run-id", "none", "--json")
    told = desk.shell(*words)
    assert (told.code, json.loads(told.out)["codes"]) == (2, {"rejected": 3})
    assert desk.videos() == {desk.told[3].output_key}
    assert (
        "no video of this run is for review"
        in desk.shell("review", "template", desk.output / "runs" / "none", "--by", "Ada").err
    )


def test_the_commands_of_the_page_for_moderators_do_what_it_says(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "review.md").read_text("utf-8")
    desk.run.rename(desk.run.with_name("tonight"))
    monkeypatch.chdir(desk.folder)
    run, path = Path("out/runs/tonight-decided"), Path("decisions.json")
    (example,) = re.findall(r"^```json\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^fearrefactor (review .*)$", page, flags=re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["list", "template", "apply"]
    for line in lines:
        if path.exists():  # the template is changed as the example shows
            decisions = json.loads(example)
            for decision, template in zip(
                decisions["decisions"],
                json.loads(path.read_text("utf-8"))["decisions"],
                strict=True,
            ):
                assert decision.keys() >= template.keys() - {"note"}
                decision["output_sha256"] = template["output_sha256"]
            path.write_text(json.dumps(decisions), "utf-8")
        said = desk.shell(*shlex.split(line))
        assert (said.code, said.err) == (2 if "apply" in line else 0, "")
    found = [(told.outcome, told.code) for told in desk.reports("tonight-decided")]
    assert found == [("masked", None), ("masked", None), ("failed", "rejected")]
    assert (run / "decisions.json").read_bytes() == path.read_bytes()


@pytest.fixture
def there(
    looked_at: tuple[Night, list[VideoReport]],
    s3_server: S3Server,
    s3_settings: S3Settings,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Night:
    """The run on S3, with what it has left of its first film."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    night = replace(looked_at[0], output=f"s3://{s3_bucket}", s3=s3_settings)
    here, store = FolderStore(Path(looked_at[0].output)), night.store()
    keys = [found.key for found in here.list("") if "film-00000" in found.key]
    for key in [*keys, "runs/night/videos.parquet"]:
        told = dict(here.stat(key).metadata)
        del told["attempt"]
        store.create(key, here.root / key, told)
    return night


def test_what_is_for_review_on_s3_is_approved_there(
    shell: Shell, there: Night, looked_at: tuple[Night, list[VideoReport]]
) -> None:
    told = looked_at[1][0]
    decision = {"row": 1, "id": told.id, "output_sha256": told.output_sha256}
    said = {"run_id": "night", "by": "Ädá\n", "at": "2026-11-22T02:08:09Z"}
    content = json.dumps(said | {"decisions": [decision | {"decision": "approve"}]}).encode()
    store = there.store()
    store.create("mine/decisions.json", content, {})
    run, place = f"{there.output}/runs/night", f"{there.output}/mine/decisions.json"
    answer = shell("review", "apply", place, "--run", run, "--run-id", "decided")
    assert (answer.code, answer.err) == (0, "")
    (approved,) = there.again("decided").reports()
    assert approved.output_key == str(told.output_key).replace("review/", "videos/")
    metadata = store.stat(str(approved.output_key)).metadata
    assert metadata["approved-by"] == "\\xc4d\\xe1\\n"
    with store.open(str(approved.output_key)) as reader:
        assert hashlib.sha256(reader.read()).hexdigest() == told.output_sha256
