"""The report in Chromium as people use it: by mouse, by keyboard, on a phone, on paper."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from browser import CHROMEDRIVER, CHROMIUM
from made_reports import content
from report_browser import ReportBrowser

from fearrefactor.core.decisions_file import parse_decisions
from fearrefactor.report.page import page_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.report.content import ReportContent

#: Where pictures of the page are kept, for looking at them.
SCREENSHOTS = os.environ.get("BROWSER_SCREENSHOTS")
N_ROWS = 400
HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "</script><img src=x onerror=\"document.title = 'taken'\">",
    "evil\u202egpj.exe",
    "long-" + "x" * 495,
    "\U0001f469\u200d\U0001f680 שלום",
)
#: Rows as they are shown: their numbers.
SHOWN = (
    "return all('.body .line').map(line => Number(line.children[0].textContent.replace(',', '')))"
)
ACTIVE = "return $('.body .active .c-row').textContent"
COUNT = "return $('#shown-count').textContent"
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="needs chromium and chromium-driver, as Debian packs them",
    ),
]


def written(report: ReportContent, path: Path) -> Path:
    path.write_text("".join(page_html(report)), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    return written(content(N_ROWS, 40), folder / "index.html")


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[ReportBrowser]:
    with ReportBrowser(folder) as browser:
        yield browser


@pytest.fixture
def browser(opened: ReportBrowser) -> Iterator[ReportBrowser]:
    """At a desktop's size. Afterwards: nothing in the console, nothing asked of any network."""
    opened.device(1280, 800)
    opened.media()
    opened.complaints()
    opened.asked()
    yield opened
    assert opened.complaints() == []
    assert {urlsplit(address).scheme for address in opened.asked()} <= {"file", "data", "blob"}


def picture(browser: ReportBrowser, name: str) -> None:
    if SCREENSHOTS:
        Path(SCREENSHOTS, f"{name}.png").write_bytes(browser.screenshot())


def test_the_page_shows_what_happened_and_asks_nobody(browser: ReportBrowser, page: Path) -> None:
    browser.open(page)
    text = browser.run("return document.body.innerText")
    picture(browser, "overview")
    assert "400 videos: 300 masked, 40 clean, 20 for review, 40 failed" in text
    assert "Blur every person seen with a confidence of at least 0.25." in text
    assert "Ask for the file again." in text
    assert browser.run(COUNT) == "400 videos"


def test_a_price_per_hour_makes_the_cost_of_each_stage(browser: ReportBrowser, page: Path) -> None:
    browser.open(page)
    browser.click("#price")
    browser.type("0.60")
    hours = [seconds / 3600 for seconds in content(N_ROWS, 40).run.seconds.values()]
    costs = browser.run("return all('.stages .bars td:last-child').map(one => one.textContent)")
    assert costs == [f"{0.6 * one:.2f}" for one in sorted(hours, reverse=True)]
    assert f"{0.6 * sum(hours):.2f} at this price" in browser.run("return $('.stages').innerText")
    browser.run("localStorage.clear()")


def test_a_page_that_tries_to_reach_out_is_stopped_by_its_own_policy(
    opened: ReportBrowser, page: Path, folder: Path
) -> None:
    evil = folder / "evil.html"
    evil.write_text(page.read_text().replace("</body>", "<img src='http://127.0.0.1:9/x'></body>"))
    opened.open(evil)
    opened.run(
        "const more = document.createElement('script'); more.textContent = 'document.title = 1';"
        "document.body.append(more);"
    )
    complaints = "\n".join(opened.complaints())
    assert "img-src data:" in complaints
    assert "script-src" in complaints
    assert opened.run("return document.title") == "Run 2026-11-21-nightly"


def test_every_column_sorts_both_ways_and_says_so(browser: ReportBrowser, page: Path) -> None:
    browser.open(page)
    report = content(N_ROWS, 40)
    lengths = report.table.duration_s
    known = [row for row in range(N_ROWS) if lengths[row] is not None]
    up = sorted(known, key=lambda at: (lengths[at], at))
    browser.click(".head.c-length .sort")
    assert browser.run(SHOWN)[:5] == [at + 1 for at in up[:5]]
    browser.click(".head.c-length .sort")
    sorts = browser.run("return all('[aria-sort]').map(one => one.getAttribute('aria-sort'))")
    assert sorts == ["none"] * 6 + ["descending"] + ["none"] * 4
    shown = browser.run(SHOWN)[:5]
    assert [lengths[row - 1] for row in shown] == [lengths[at] for at in up[::-1][:5]]
    table = report.table
    columns = [table.row, table.id, table.outcome, table.code, table.reason]
    columns += [[report.run.policies[at].name if at >= 0 else "" for at in table.policy]]
    columns += [table.duration_s, table.n_frames, masked_shares(report), table.n_leaks]
    said = browser.run(f"return all('.sort').map(one => (one.click(), (() => {{ {SHOWN} }})()))")
    for column, rows in zip([*columns, table.seconds], said, strict=True):
        known = [value for value in column if value not in (None, "")]
        assert [column[row - 1] for row in rows] == sorted(known)[: len(rows)]


def masked_shares(report: ReportContent) -> list[float | None]:
    counts = zip(report.table.n_frames, report.table.n_masked_frames, strict=True)
    return [masked / n if n and masked is not None else None for n, masked in counts]


def test_filters_and_search_narrow_the_table_and_stand_in_the_address(
    browser: ReportBrowser, page: Path
) -> None:
    browser.open(page)
    browser.click(".chip-failed")
    assert browser.run(COUNT) == "40 of 400 videos"
    browser.run("$('#code').value = 'leak'; $('#code').dispatchEvent(new Event('change'))")
    assert browser.run(COUNT) == "20 of 400 videos"
    browser.run("$('#code').value = ''; $('#code').dispatchEvent(new Event('change'))")
    browser.click("#search")
    browser.type("SCHOOL text/plain")
    browser.until("location.hash.includes('text%2Fplain')")
    report = content(N_ROWS, 40).table
    wanted = [
        row
        for row, name, reason in zip(report.row, report.id, report.reason, strict=True)
        if "school" in name and "text/plain" in reason
    ]
    assert browser.run(COUNT) == f"{len(wanted)} of 400 videos"
    assert browser.run(SHOWN) == wanted[: len(browser.run(SHOWN))]
    said = browser.run("return location.hash")
    browser.open(page, said)
    assert browser.run(COUNT) == f"{len(wanted)} of 400 videos"
    browser.click("#search")
    browser.type("zzz")
    browser.until("location.hash.includes('zzz')")
    assert "No video is like this." in browser.run("return $('#rows').innerText")
    browser.run("all('.filters button').at(-1).click()")
    assert browser.run(COUNT) == "400 videos"


def test_the_keyboard_alone_finds_opens_and_leaves_a_video(
    browser: ReportBrowser, page: Path
) -> None:
    browser.open(page)
    browser.type("Tab")
    assert browser.run("return document.activeElement.id") == "skip"
    browser.type("Enter")
    assert browser.run("return document.activeElement.id") == "rows"
    for key, row in (
        ("ArrowDown", "2"),
        ("End", "400"),
        ("ArrowUp", "399"),
        ("Home", "1"),
        ("ArrowUp", "1"),
        ("ArrowDown", "2"),
        ("ArrowDown", "3"),
    ):
        browser.type(key)
        assert browser.run(ACTIVE) == row
    browser.type("PageDown")
    assert int(browser.run(ACTIVE)) > 10
    browser.type("PageUp")
    assert browser.run(ACTIVE) == "3"
    told = "return [$('#rows').ariaRowCount, $('.active').ariaRowIndex, $('.active').id === "
    told += "$('#rows').getAttribute('aria-activedescendant')]"
    assert browser.run(told) == ["401", "4", True]
    browser.type("Enter")
    assert browser.run("return $('#video').open && location.hash") == "#video=3"
    assert "harbour-00002" in browser.run("return $('#video-title').textContent")
    picture(browser, "panel")
    browser.type("Escape")
    assert browser.run("return [$('#video').open, document.activeElement.id]") == [False, "rows"]
    assert browser.run("return location.hash") == ""


def test_a_link_opens_its_video_with_lanes_pictures_and_files(
    browser: ReportBrowser, page: Path
) -> None:
    browser.open(page)
    browser.click("#line-0 .c-id")
    detail = content(N_ROWS, 40).details[0]
    spans = [(lane.class_name, span.provenance) for lane in detail.lanes for span in lane.spans]
    drawn = "return all('#video .span').filter(one => one.querySelector('title'))"
    drawn += ".map(one => one.classList[1])"
    assert browser.run(drawn) == [f"span-{kind}" for _, kind in spans]
    assert browser.run("return all('.legend b').map(one => one.textContent)") == [
        kind
        for kind in ("detected", "continued", "bridged", "extended", "doubt", "audit")
        if kind in {kind for _, kind in spans}
    ]
    browser.click("#video summary")
    listed = "return all('.spans tbody tr').map(one => one.children[5].textContent)"
    assert browser.run(listed) == [kind for _, kind in spans]
    apart = "return all('.thumbnail').map(one => one.getBoundingClientRect())"
    apart += ".every((one, at, boxes) => !at || one.left >= boxes[at - 1].right)"
    assert browser.run(apart)
    loaded = "return all('.thumbnail img').map(one => one.naturalWidth)"
    assert browser.run(loaded) == [1] * len(detail.pictures)
    assert browser.run("return $('.files a').getAttribute('href')") == detail.files[1].href
    browser.click(".thumbnail button")
    browser.type("ArrowDown")
    assert "first masked here" in browser.run("return $('#picture').innerText")
    browser.type("Escape")
    assert browser.run("return [$('#picture').open, $('#video').open]") == [False, True]
    browser.run("all('.head-buttons button')[1].click()")
    assert browser.run("return location.hash") == "#video=2"
    browser.run("history.back()")
    browser.until("!$('#video').open")


def test_a_video_without_details_says_how_to_get_them(browser: ReportBrowser, page: Path) -> None:
    browser.open(page, "#video=300")
    assert "fearrefactor report s3://uploads-masked/runs/2026-11-21-nightly --only" in browser.run(
        "return $('#video').innerText"
    )


def test_a_run_of_nothing_has_a_page(browser: ReportBrowser, folder: Path) -> None:
    empty = content(0, 0)
    bare = {"wall_s": None, "began_at": None, "ended_at": None, "classes": (), "policies": ()}
    bare |= {"seconds": {}, "settings": {}, "versions": {}, "model": ""}
    report = empty.model_copy(update={"run": empty.run.model_copy(update=bare)})
    browser.open(written(report, folder / "empty.html"), "#video=3&sort=-length")
    text = browser.run("return document.body.innerText")
    assert "0 videos" in text
    assert not any(word in text for word in ("NaN", "null", "undefined", "Infinity"))
    browser.run("$('#rows').focus()")
    browser.type("End")
    browser.type("Enter")
    assert browser.run("return $('#video').open") is False


def test_hostile_names_are_shown_as_text(browser: ReportBrowser, folder: Path) -> None:
    hostile = written(content(30, 30, names=HOSTILE), folder / "hostile.html")
    browser.open(hostile)
    ids = browser.run("return all('.body .c-id').slice(0, 5).map(one => one.textContent)")
    assert ids == [name.replace("\u202e", "\\u202e") for name in HOSTILE]
    heights = browser.run("return all('.body .line').map(one => one.offsetHeight)")
    assert set(heights) == {36}
    for row in range(1, len(HOSTILE) + 1):
        browser.run("location.hash = '#video=' + given[0]", row)
        assert browser.run("return $('#video').scrollWidth <= $('#video').clientWidth")
        picture(browser, f"hostile-{row}")
    assert browser.run("return document.title") == "Run 2026-11-21-nightly"
    assert browser.run("return all('img[src=x], .body script').length") == 0


def test_decisions_are_what_review_apply_reads_and_outlive_a_reload(
    browser: ReportBrowser, page: Path, folder: Path
) -> None:
    browser.open(page, "#video=4")
    browser.click("#d-mask_more")
    assert "Not complete" in browser.run("return $('.state').textContent")
    browser.drag(".surface", (0.25, 0.2), (0.75, 0.8))
    browser.run(
        "all('.adding button').at(-2).click();"
        "$('#confidence').value = '0,15'; $('#confidence').dispatchEvent(new Event('input'));"
        "$('#classes').value = 'dog, dog,cat'; $('#classes').dispatchEvent(new Event('input'));"
        "$('#note').value = 'face at the \"left\" </script>';"
        "$('#note').dispatchEvent(new Event('input'));"
    )
    picture(browser, "review")
    browser.run("$('.form-foot .primary').click()")
    assert browser.run("return location.hash") == "#video=24"
    browser.click("#d-approve")
    browser.open(page, "#video=4")
    assert browser.run("return $('#d-mask_more').checked && all('.place').length") == 2
    browser.run("$('#video .close').click()")
    assert "2 of 20 decided" in browser.run("return $('#review-bar').innerText")
    browser.click("#finish")
    assert browser.run("return $('#download').disabled") is True
    browser.type("Ada")
    browser.downloads(folder)
    browser.click("#download")
    kept = folder / "decisions.json"
    limit = time.monotonic() + 20
    while not kept.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    typed = browser.run("return $('#decisions-text').value")
    report = content(N_ROWS, 40)
    for text in (kept.read_text(), typed):
        decisions = parse_decisions(text.encode(), "decisions.json")
        first, second = decisions.decisions
        assert (decisions.run_id, decisions.by) == ("2026-11-21-nightly", "Ada")
        assert (first.row, first.id, first.output_sha256) == (4, report.table.id[3], f"{4:064x}")
        assert first.more is not None
        assert (first.more.confidence, first.more.classes) == (0.15, ("dog", "cat"))
        box, stretch = first.more.always
        assert box.box == pytest.approx((0.25, 0.2, 0.75, 0.8), abs=0.02)
        assert (box.start_s, box.end_s) == (0, None)
        start_s, end_s = report.details[3].unsure[0]
        assert (stretch.start_s, stretch.end_s) == pytest.approx((start_s, end_s), abs=0.001)
        assert first.note == 'face at the "left" </script>'
        assert (second.row, second.decision, second.more) == (24, "approve", None)
    command = "fearrefactor review apply decisions.json --run "
    command += "s3://uploads-masked/runs/2026-11-21-nightly"
    assert browser.run("return $('#handover .command code').textContent") == command
    browser.run("localStorage.clear()")


def test_a_decision_that_would_be_refused_is_not_handed_over(
    browser: ReportBrowser, page: Path
) -> None:
    browser.open(page, "#video=4")
    browser.click("#d-mask_more")
    browser.run("$('.places-side .adding button').click()")
    put = "$(given[0]).value = given[1]; $(given[0]).dispatchEvent(new Event('input'));"
    for field, value, problem in (
        (".place input", "-1", "Place 1, from: expected a number of at least 0"),
        (".place input", "0", ""),
        ("#confidence", "0", "Confidence: expected a number above 0, at most 1"),
        ("#confidence", "", ""),
        ("#margin", "2", "Margin: expected a number from 0 to 1"),
    ):
        told = browser.run(put + "return $('.state').textContent", field, value)
        assert problem in told
        assert ("Not complete" in told) == bool(problem)
        assert browser.run("return $('#finish').disabled") == bool(problem)
    browser.run(put, "#margin", "")
    told = browser.run("$('.place button').click(); return $('.state').textContent")
    assert "name what is to be masked as well" in told
    browser.run("localStorage.clear()")


def test_unmasked_pictures_are_marked_wherever_they_are(
    browser: ReportBrowser, folder: Path, page: Path
) -> None:
    unmasked = written(content(5, 5, source=True), folder / "unmasked.html")
    browser.open(unmasked, "#video=1")
    assert "NOT MASKED" in browser.run("return $('#unmasked-banner').innerText")
    marks = "return [all('.thumbnail').length, all('.thumbnail .unmasked-mark').filter("
    marks += "one => one.innerText === 'NOT MASKED' && one.offsetHeight > 12).length]"
    assert browser.run(marks) == [5, 5]
    browser.click(".thumbnail button")
    assert "NOT MASKED" in browser.run("return $('#picture .large').innerText")
    browser.open(page, "#video=1")
    assert browser.run("return all('.unmasked').length || $('#unmasked-banner').offsetHeight") == 0


def test_light_and_dark_follow_the_system_until_one_is_chosen(
    browser: ReportBrowser, page: Path
) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.media(prefers_color_scheme="light")
    browser.open(page)
    light = browser.run(ground)
    browser.media(prefers_color_scheme="dark")
    dark = browser.run(ground)
    assert light != dark
    assert worst_contrast(browser) >= 4.5
    picture(browser, "dark")
    browser.click("#theme")
    assert browser.run(ground) == light
    browser.open(page)
    assert browser.run(ground) == light
    assert worst_contrast(browser) >= 4.5
    browser.run("localStorage.clear()")


def worst_contrast(browser: ReportBrowser) -> float:
    """The least WCAG 2 contrast of any text to the first opaque ground under it."""
    contrast: float = browser.run(
        """
        const pen = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
        const known = new Map();
        const rgba = (color) => {
          if (!known.has(color)) known.set(color, painted(color));
          return known.get(color);
        };
        const painted = (color) => {
          pen.clearRect(0, 0, 1, 1); pen.fillStyle = color; pen.fillRect(0, 0, 1, 1);
          return [...pen.getImageData(0, 0, 1, 1).data];
        };
        const linear = (byte, v = byte / 255) =>
          v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        const ground = (one) => {
          for (let at = one; at; at = at.parentElement) {
            const color = rgba(getComputedStyle(at).backgroundColor);
            if (color[3] === 255) return color;
          }
          return rgba('white');
        };
        const texts = all('body *').filter((one) => one.offsetHeight && !one.closest(':disabled')
          && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
        return Math.min(...texts.map((one) => {
          const pair = [rgba(getComputedStyle(one).color), ground(one)].map(light);
          return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        }));
        """
    )
    return contrast


def test_nothing_is_wider_than_a_phone(browser: ReportBrowser, page: Path, folder: Path) -> None:
    browser.device(390, 844, phone=True)
    hostile = written(content(30, 30, names=HOSTILE), folder / "phone.html")
    fits = "return [document.documentElement.scrollWidth <= innerWidth, innerWidth]"
    for name, path, fragment in (
        ("phone", page, ""),
        ("phone-panel", page, "#video=4"),
        ("phone-hostile", hostile, "#video=2"),
        ("phone-long", hostile, "#video=4"),
    ):
        browser.open(path, fragment)
        assert browser.run(fits) == [True, 390], name
        if fragment:
            body = "const box = $('#video .dialog-body'); return box.scrollWidth - box.clientWidth"
            assert browser.run(body) == 0, name
        picture(browser, name)
    browser.open(page)
    browser.run("$('#sort').value = '-length'; $('#sort').dispatchEvent(new Event('change'))")
    lengths = content(N_ROWS, 40).table.duration_s
    longest = max(length for length in lengths if length is not None)
    assert lengths[int(browser.run(ACTIVE).replace(",", "")) - 1] is not None
    assert lengths[browser.run(SHOWN)[0] - 1] == longest


def test_paper_shows_two_hundred_rows_and_says_how_many_there_are(
    browser: ReportBrowser, page: Path
) -> None:
    browser.open(page)
    browser.media("print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(SHOWN) == list(range(1, 201))
    assert browser.run("return $('#printed').innerText") == (
        "The first 200 of 400 videos are printed."
    )
    apart = "return all('.body .line').every((one, at, lines) => !at || one.offsetTop >= "
    apart += "lines[at - 1].offsetTop + lines[at - 1].offsetHeight - 1)"
    assert browser.run(apart)
    browser.media()
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(browser.run(SHOWN)) < 60
    browser.open(page, "#video=4")
    browser.media("print")
    unseen = "return all('.top, main, .review-bar, .review').filter(one => one.offsetHeight).length"
    assert browser.run(unseen) == 0
    assert browser.run("return getComputedStyle($('#patterns')).display") != "none"


def test_fifty_thousand_rows_scroll_to_their_end(browser: ReportBrowser, folder: Path) -> None:
    many = written(content(50_000, 0), folder / "many.html")
    browser.open(many)
    browser.run("$('#rows').focus()")
    browser.type("End")
    assert browser.run(ACTIVE) == "50,000"
    assert browser.run("return all('.body .line').length") < 60
    ends = (
        "const [line, rows] = [$('.active'), $('#rows')].map(one => one.getBoundingClientRect());"
    )
    assert browser.run(ends + "return line.bottom <= rows.bottom + 1 && line.top > rows.top")


def test_what_is_kept_of_another_result_is_not_taken_up(
    browser: ReportBrowser, page: Path, folder: Path
) -> None:
    browser.open(page, "#video=4")
    browser.click("#d-approve")
    report = content(N_ROWS, 40)
    changed = [
        one.model_copy(update={"output_sha256": "f" * 64}) if one.row == 4 else one
        for one in report.details
    ]
    again = written(report.model_copy(update={"details": tuple(changed)}), folder / "again.html")
    browser.open(again, "#video=4")
    drafts = browser.run("return Object.values(localStorage).filter(one => one.includes('sha'))")
    assert json.loads(drafts[0])[0][1]["sha"] == f"{4:064x}"
    assert browser.run("return all('[name=decision]:checked').length") == 0
    assert browser.run("return $('#finish').disabled") is True
    browser.run("localStorage.clear()")


def test_a_browser_that_keeps_nothing_says_so_and_hands_over_all_the_same(
    browser: ReportBrowser, page: Path
) -> None:
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    with browser.before_each_page(refuse):
        browser.open(page, "#video=4")
        browser.click("#d-reject")
        assert "keeps nothing" in browser.run("return $('.state').textContent")
        browser.run("$('#video .close').click(); $('#finish').click()")
        browser.type("Ada")
        browser.click("#copy-decisions")
        browser.until("$('#copy-decisions').textContent === 'Copied'")
        text = browser.run("return $('#decisions-text').value")
    assert parse_decisions(text.encode(), "copied").decisions[0].decision == "reject"
