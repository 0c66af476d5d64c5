"""The boards in a real browser, over a real pipeline and store: what people see, and when."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from pipeline.__main__ import main
from pipeline.runtimes.past import Clock
from pipeline.runtimes.publisher import wall_clock_ms
from tests.infra.support import wait_for
from tests.viewer.boards import BOARDS
from tests.viewer.live import SITE, LiveCentre, live_centre, registered

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SIZES = ((1920, 1080), (1366, 768))
CUT_OFF_OR_OVERLAPPING = (Path(__file__).parent / "cut_off.js").read_text()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCentre]:
    with live_centre(tmp_path_factory.mktemp("live") / "data") as running:
        running.calls(40, wait_s=5, queue="general")
        running.calls(10, wait_s=30, queue="billing")
        running.calls(15, wait_s=3, queue="billing")
        running.abandon(3, wait_s=40, queue="billing")
        yield running


AGENTS = 2_400


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCentre]:
    """A centre with more agents, teams, queues, contacts and tickets than a screen has rows."""
    with live_centre(tmp_path_factory.mktemp("large") / "data") as running:
        for team in range(12):
            running.agents(
                team=f"team {team}",
                **{f"a{n}": "ready" if n % 2 else "break" for n in range(team, AGENTS, 12)},
            )
            running.calls(5, wait_s=team, queue=f"a queue of many words, number {team}")
        running.calls(70, wait_s=5, queue="a first one")
        running.alerts(10, queue="technical")
        hour = timedelta(hours=1)
        running.publish(
            [
                registered(number * hour, -hour, department=f"department number {number % 14}")
                for number in range(40)
            ]
        )
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; install it: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, centre: LiveCentre) -> Iterator[Open]:
    """Open boards; whatever a page complains of or asks elsewhere fails the test at its end."""
    complaints: list[str] = []
    pages: list[Page] = []

    def begin(uid: str, of: LiveCentre = centre) -> Page:
        def note_request(request: Request) -> None:
            if not request.url.startswith(of.url):
                complaints.append(f"asked {request.url}")

        of.passes()
        width, height = SIZES[0]
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", note_request)
        page.goto(f"{of.url}/d/{uid}")
        page.wait_for_selector("html[data-ticks]")
        return page

    yield begin
    for page in pages:
        page.close()
    assert complaints == []


def tile(page: Page, title: str) -> Any:
    section = page.locator("section", has=page.get_by_role("heading", name=title, exact=True))
    return section.locator(".value span")


def resized(page: Page) -> Iterator[tuple[int, int]]:
    """Show a page at each size, from the one at which it is opened."""
    for width, height in SIZES:
        drawn = page.evaluate("document.documentElement.dataset.ticks")
        page.set_viewport_size({"width": width, "height": height})
        if (width, height) != SIZES[0]:
            page.wait_for_selector(f"html:not([data-ticks='{drawn}'])")
        yield width, height


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_cut_off_or_overlaps(opened: Open, large: LiveCentre, lang: str) -> None:
    for board in BOARDS.values():
        if not board["uid"].endswith(lang):
            continue
        page = opened(board["uid"], large)
        for width, height in resized(page):
            assert page.evaluate(CUT_OFF_OR_OVERLAPPING) == [], (board["uid"], width)
            if "wallboard" in board["uid"]:
                assert page.evaluate("document.documentElement.scrollHeight") <= height
        page.close()


@pytest.mark.parametrize(
    ("lang", "title", "said"),
    [("en", "Everyone", r"([\d,]+) more"), ("zh", "每位坐席", r"另有 ([\d,]+) 行")],
)
def test_rows_that_do_not_fit_are_left_out_and_counted(
    opened: Open, large: LiveCentre, lang: str, title: str, said: str
) -> None:
    page = opened(f"goldpan-agents-{lang}", large)
    panel = page.locator("section", has=page.get_by_role("heading", name=title, exact=True))
    rows, more = panel.locator("tbody tr"), panel.locator(".more")
    shown = []
    for _ in resized(page):
        found = re.fullmatch(said, more.inner_text())
        assert found is not None
        shown.append(rows.count())
        assert shown[-1] + int(found[1].replace(",", "")) == AGENTS
    # A click shows all that the board asks for; what it does not ask for is still counted.
    more.get_by_role("button").click()
    expect(rows).to_have_count(200)
    expect(more).to_contain_text(f"{AGENTS - 200:,}")
    more.get_by_role("button").click()
    expect(rows).to_have_count(shown[-1])


def test_a_large_centres_numbers_fit(opened: Open, large: LiveCentre) -> None:
    page = opened("goldpan-wallboard-en", large)
    for width, _ in resized(page):
        expect(tile(page, "Agents")).to_have_text(f"{AGENTS // 2} / {AGENTS}")
        assert page.evaluate(CUT_OFF_OR_OVERLAPPING) == [], width


def report(centre: LiveCentre, metrics: tuple[str, ...], capsys: Any) -> dict[str, str]:
    """What `goldpan report` says of the whole minutes that the wallboard shows."""
    now = datetime.now(SITE.zone).replace(second=0, microsecond=0)
    begin, end = now - timedelta(minutes=29), now + timedelta(minutes=1)
    words = ["report", *metrics, "--by", "total", "--format", "csv"]
    words += ["--from", f"{begin:%Y-%m-%dT%H:%M}", "--to", f"{end:%Y-%m-%dT%H:%M}"]
    capsys.readouterr()
    assert main([*words, "--clickhouse", centre.store_url()]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    return row


@pytest.mark.parametrize(
    ("lang", "titles"),
    [
        ("en", {"service_level": "Service level", "abandon_rate": "Abandon rate"}),
        ("zh", {"service_level": "服务水平", "abandon_rate": "放弃率"}),
    ],
)
def test_numbers_change_by_themselves_and_are_the_reports(
    opened: Open, centre: LiveCentre, lang: str, titles: dict[str, str], capsys: Any
) -> None:
    page = opened(f"goldpan-wallboard-{lang}")
    for _ in range(2):
        expected = report(centre, tuple(titles), capsys)
        for metric, title in titles.items():
            expect(tile(page, title)).to_have_text(f"{float(expected[metric]):.1f}")
        # More calls that waited too long, and more that gave up: both numbers must move.
        centre.calls(7, wait_s=70, queue="billing")
        centre.abandon(2, wait_s=50, queue="general")


def test_gauges_show_the_present(opened: Open, centre: LiveCentre) -> None:
    centre.agents(li="ready", wu="break", ma="ready")
    page = opened("goldpan-wallboard-en")
    band = page.locator("section", has=page.get_by_role("heading", name="Agents", exact=True))
    expect(tile(page, "Agents")).to_have_text("2 / 3")
    expect(tile(page, "Waiting")).to_have_text("0")
    expect(tile(page, "Longest wait").first).to_have_text("0")
    centre.agents(li="break", ma="break")
    centre.waiting(2)
    expect(tile(page, "Waiting")).to_have_text("2")
    expect(tile(page, "Agents")).to_have_text("0 / 3")
    expect(band.locator(".band")).to_contain_text("CRIT")
    expect(tile(page, "Tickets overdue")).to_have_text("no data")


def test_tickets_as_they_stand_are_the_reports(
    opened: Open, centre: LiveCentre, capsys: Any
) -> None:
    """Of an hour allowed 50 minutes are over: more than 75 %."""
    hour, minutes = timedelta(hours=1), timedelta(minutes=10)
    settled = centre.ticket(hour, -minutes)
    centre.ticket(2 * hour, -minutes)
    centre.ticket(hour - minutes, minutes)
    centre.ticket(minutes, 2 * hour, urgent_reasons=["media"])
    titles = {
        "backlog": "Backlog",
        "overdue_open": "Overdue",
        "at_risk_open": "At risk",
        "very_urgent_open": "Very urgent and open",
    }

    def reported() -> tuple[str, ...]:
        centre.passes()
        found = report(centre, tuple(titles), capsys)
        return tuple(found[name] for name in titles)

    page = opened("goldpan-tickets-en")

    def become(*expected: str) -> None:
        wait_for(lambda: reported() == expected)
        for title, value in zip(titles.values(), expected, strict=True):
            expect(tile(page, title)).to_have_text(value, timeout=30_000)

    become("4", "2", "1", "1")
    centre.resolve(settled)
    become("3", "1", "1", "1")


def test_zero_is_zero_and_nothing_is_no_data(opened: Open) -> None:
    page = opened("goldpan-queue-en?var-queue=general&from=now-30m")
    expect(tile(page, "Offered")).not_to_have_text("no data")
    page = opened("goldpan-health-en")
    expect(tile(page, "Dead letters")).to_have_text("0")


def test_a_row_leads_to_its_queue_and_a_word_to_the_other_language(opened: Open) -> None:
    page = opened("goldpan-wallboard-en")
    page.get_by_role("link", name="General enquiries").click()
    expect(page).to_have_url(re.compile("goldpan-queue-en.*var-queue=general"))
    page.wait_for_selector("html[data-ticks]")
    expect(page.locator("select")).to_have_value("general")
    page.get_by_role("link", name="中文").click()
    expect(page).to_have_url(re.compile("goldpan-queue-zh.*var-queue=general"))
    expect(page.get_by_role("heading", name="服务水平").first).to_be_visible()
    page.locator("button", has_text="今天").click()
    expect(page).to_have_url(re.compile("from=now%2Fd"))
    expect(page.locator("button.on")).to_have_text("今天")


@pytest.mark.parametrize(("lang", "said"), [("en", "STALE"), ("zh", "数据已过时")])
def test_a_store_that_is_away_is_told_and_the_page_recovers(
    opened: Open, centre: LiveCentre, lang: str, said: str
) -> None:
    page = opened(f"goldpan-wallboard-{lang}")
    stale = page.locator("#stale")
    expect(stale).to_be_hidden()
    centre.stop_store()
    expect(stale).to_be_visible(timeout=15_000)
    expect(stale).to_contain_text(said)
    centre.start_store()
    centre.passes()
    expect(stale).to_be_hidden(timeout=20_000)
    page.wait_for_selector("section.table td")


@pytest.mark.parametrize(("lang", "said"), [("en", "to be counted"), ("zh", "尚待计入")])
def test_numbers_that_are_behind_look_it(
    opened: Open, tmp_path: Path, lang: str, said: str
) -> None:
    clock = Clock(wall_clock_ms() - 2 * 3_600_000)
    with live_centre(tmp_path / "data", clock) as late:
        page = opened(f"goldpan-wallboard-{lang}", late)
        expect(page.locator("#stale")).to_contain_text(said)
        expect(tile(page, {"en": "Data age", "zh": "数据时效"}[lang])).to_have_text("2.0")  # hours
        clock.go_on()
        late.passes()
        expect(page.locator("#stale")).to_be_hidden()
        page.close()
