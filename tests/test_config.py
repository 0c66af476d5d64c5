"""Site configuration: what it means, and what a person is told who made a mistake in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.config import calendar_gaps
from pipeline.config import (
    MAX_BYTES,
    canonical_json,
    content_hash,
    load_definitions,
    load_site,
    parse_canonical,
    read_site,
)
from pipeline.errors import ConfigError
from pipeline.report_output import names_of
from schemas.catalogue import load_catalogue
from schemas.site import QueueLimits

EXAMPLE = Path(__file__).parent.parent / "infra" / "site" / "site.yaml"

GOOD = """\
format: 1
site: bank
name: {zh: 银行, en: Bank}
time_zone: Asia/Jerusalem
defaults:
  service_level: {threshold_s: 20, target_pct: 80}
  short_abandon_s: 5
queues:
  vip: {threshold_s: 10, short_abandon_s: 2.5}
  "10": {target_pct: 70}
contact_timeouts: {waiting_minutes: 60}
retention: {raw_events_days: 30}
ingest: {max_dead_letter_share: 0.1, min_records: 10}
departments: {refunds: {name: {zh: 退款部, en: Refunds}, calendar: office}}
adapters: {zendesk: {departments: {"3": refunds}}}
calendar: office
calendars:
  office:
    hours: {mon-thu: ["09:00-13:00", "14:00-18:00"], fri: ["09:00-13:00"]}
    holidays: [2025-10-02, 2026-09-21]
    make_up_days: [2026-09-27]
tickets: {default: {response_minutes: 60, business: true}, priorities: {low: {business: office}}}
standards: {authority: {"1": 50}, paths: [[registered, closed]]}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read_site("site.yaml", text)
    return str(refused.value).splitlines()


def test_the_example_loads_from_its_directory_too() -> None:
    site = load_site(EXAMPLE)
    assert load_site(EXAMPLE.parent) == site
    assert site.time_zone == "Asia/Shanghai"
    assert site.limits("complaints") == QueueLimits(15_000, 5_000, 90)
    assert site.limits("callback") == QueueLimits(60_000, 0, 80)


def test_the_example_names_its_queues_and_departments() -> None:
    names = names_of(load_site(EXAMPLE))
    assert names["queue"]["vip"].en == "VIP line"
    assert names["department"]["logistics"].zh == "物流部"


def test_the_example_explains_every_key() -> None:
    """A key without a comment above it is explained by the one before, in the same block."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count("#") >= 20
    sections = [key for key in yaml.safe_load(text) if key not in ("format", "name", "defaults")]
    for key in sections:
        above = text.split(f"\n{key}:")[0].splitlines()[-1]
        assert above.startswith("#"), key


def test_a_queue_without_its_own_values_has_the_defaults() -> None:
    site = read_site("site.yaml", GOOD)
    assert site.limits("vip") == QueueLimits(10_000, 2_500, 80)
    assert site.limits("10") == QueueLimits(20_000, 5_000, 70)
    assert site.limits("never heard of") == QueueLimits(20_000, 5_000, 80)
    assert site.contact_timeouts.talking_minutes == 720


def test_a_sites_words_are_those_of_one_adapter() -> None:
    site = read_site("site.yaml", GOOD)
    assert site.words("zendesk").departments == {"3": "refunds"}
    assert site.words("zammad").departments == {}
    assert site.words("no adapter").queues == {}


def test_the_hash_is_of_what_is_said_and_not_of_how() -> None:
    site = read_site("site.yaml", GOOD)
    shuffled = yaml.safe_dump(yaml.safe_load(GOOD), sort_keys=True, allow_unicode=True)
    commented = shuffled.replace("waiting_minutes: 60", "waiting_minutes: 60 # an hour")
    assert shuffled != GOOD
    assert content_hash(read_site("other.yaml", commented)) == content_hash(site)
    short = "format: 1\nsite: s\nname: {zh: 中, en: e}\ntime_zone: UTC\n"
    long = read_site("site.yaml", short).model_dump(mode="json", exclude_none=True)
    as_integers = yaml.safe_dump(long).replace(".0\n", "\n")
    assert "threshold_s: 20\n" in as_integers
    assert content_hash(read_site("a", short)) == content_hash(read_site("b", as_integers))
    slower = GOOD.replace("threshold_s: 20", "threshold_s: 21")
    assert content_hash(read_site("site.yaml", slower)) != content_hash(site)


def test_the_canonical_text_is_the_configuration() -> None:
    site = read_site("site.yaml", GOOD)
    assert parse_canonical(canonical_json(site)) == site
    assert canonical_json(parse_canonical(canonical_json(site))) == canonical_json(site)


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        (
            "Asia/Jerusalem",
            "Asia/Jerusalm",
            "site.yaml:4: time_zone: 'Asia/Jerusalm': not an IANA time zone; "
            "did you mean 'Asia/Jerusalem'",
        ),
        ("Asia/Jerusalem", "+02:00", "site.yaml:4: time_zone: '+02:00': not an IANA time zone"),
        ("Asia/Jerusalem", "Peking", "time_zone: 'Peking': not an IANA time zone; nearest of "),
        ("Asia/Jerusalem", "''", "site.yaml:4: time_zone: '': not an IANA time zone; give one"),
        ("site: bank", "site: Bank 1", "site.yaml:2: site: 'Bank 1': use 1 to 63 small letters"),
        (", en: Bank", "", "site.yaml:3: name: 'en' is missing; add it"),
        (
            "short_abandon_s: 5",
            "short_abandom_s: 5",
            "site.yaml:7: defaults.short_abandom_s: unknown key; did you mean 'short_abandon_s'?",
        ),
        (
            "  vip: {threshold_s",
            "  vip: {treshold_s",
            "site.yaml:9: queues.vip.treshold_s: unknown key; did you mean 'threshold_s'?",
        ),
        ("format: 1", "format: 2", "site.yaml:1: format: 2: input should be 1"),
        ("format: 1", "formats: 1", "site.yaml:1: 'format' is missing; add it"),
        (
            "short_abandon_s: 5",
            "short_abandon_s: 25",
            "site.yaml:5: defaults: short_abandon_s 25 is longer than threshold_s 20; "
            "make it at most the threshold",
        ),
        (
            "threshold_s: 10,",
            "threshold_s: 2,",
            "site.yaml:9: queues.vip: short_abandon_s 2.5 is longer than threshold_s 2",
        ),
        (
            "[registered, closed]",
            "[closed, registered]",
            "site.yaml:23: standards.paths.0: a path ends with 'closed', for a ticket's way is",
        ),
        ("[registered, closed]", "[regstered, closed]", "site.yaml:23: standards.paths.0.0: 'regs"),
        ('{"1": 50}', '{"1": -50}', "site.yaml:23: standards.authority.1: -50: input should be"),
        (
            "waiting_minutes: 60",
            "waiting_minutes: soon",
            "site.yaml:11: contact_timeouts.waiting_minutes: 'soon': input should be a valid",
        ),
        ("target_pct: 70", "target_pct: 170", "site.yaml:10: queues.10.target_pct: 170: input"),
        ("target_pct: 70", "target_pct: true", "site.yaml:10: queues.10.target_pct: True: input"),
        ("target_pct: 70", "target_pct: .nan", "site.yaml:10: queues.10.target_pct: nan: input"),
        ("raw_events_days: 30", "raw_events_days: 0", "site.yaml:12: retention.raw_events_days: 0"),
        (
            "retention: {raw_events_days: 30}",
            "retention: 30",
            "site.yaml:12: retention: write `key: value` lines here",
        ),
        (
            "site: bank",
            "site: bank\nsite: shop",
            "site.yaml:3: site: given twice, first on line 2; keep one",
        ),
        (
            "{zh: 退款部, en: Refunds}",
            "{en: Refunds}",
            "site.yaml:14: departments.refunds.name: 'zh' is missing; add it",
        ),
        (
            "{zendesk:",
            "{zendsk:",
            "site.yaml:15: adapters.zendsk: 'zendsk': input should be 'aster",
        ),
        (
            'departments: {"3"',
            'department: {"3"',
            "site.yaml:15: adapters.zendesk.department: unknown key; did you mean 'departments'?",
        ),
        (
            "calendar: office\n",
            "calendar: ofice\n",
            "site.yaml:16: calendar: no calendar 'ofice'; did you mean 'office'?",
        ),
        (
            "en: Refunds}, calendar: office",
            "en: Refunds}, calendar: shop",
            "site.yaml:14: departments.refunds.calendar: no calendar 'shop'; known: office",
        ),
        (
            "low: {business: office}",
            "low: {business: shop}",
            "site.yaml:22: tickets.priorities.low.business: no calendar 'shop'; known: office",
        ),
        (
            "calendar: office\n",
            "",
            "site.yaml:21: tickets.default.business: the site has no calendar of its own; name one",
        ),
        (
            '"14:00-18:00"',
            '"12:30-18:00"',
            "site.yaml:19: calendars.office.hours.mon-thu: 09:00-13:00 and 12:30-18:00 overlap; "
            "make one of them, or move one",
        ),
        (
            'fri: ["09:00-13:00"]',
            'fri: ["22:00-06:00"]',
            "site.yaml:19: calendars.office.hours.fri.0: '22:00-06:00': must end after it begins, "
            "at the latest at 24:00; write a night as two openings",
        ),
        (
            'fri: ["09:00-13:00"]',
            'fri: ["9 to 5"]',
            "site.yaml:19: calendars.office.hours.fri.0: '9 to 5': write opening hours as '09:00-",
        ),
        (
            "fri: [",
            "mon-fri: [",
            "site.yaml:19: calendars.office.hours: mon is named twice, alone or in a span; name",
        ),
        (
            "fri: [",
            "freitag: [",
            "site.yaml:19: calendars.office.hours.freitag: 'freitag': write a weekday or a span",
        ),
        (
            "[2026-09-27]",
            "[2026-09-21]",
            "site.yaml:18: calendars.office: 2026-09-21 is a holiday and a make-up day; leave it",
        ),
        (
            "2025-10-02, 2026",
            "2024-10-03, 2026",
            "site.yaml:18: calendars.office: holidays are named for 2024 and 2026, but none for "
            "2025; name them, for what lies between would be taken for working days",
        ),
        (
            "make_up_days: [2026-09-27]",
            "make_up_days: [2026-09-27]\n    make_up_as: sun",
            "site.yaml:18: calendars.office: make-up days have the hours of sun, which has none",
        ),
        (
            "tickets: {",
            "targets: [{metric: abandon_rat, value: 5}]\ntickets: {",
            "site.yaml:22: targets.0.metric: no metric 'abandon_rat'; did you mean 'abandon_rate'",
        ),
        (
            "tickets: {",
            "targets: [{metric: 'abandon_rate:V9', value: 5}]\ntickets: {",
            "site.yaml:22: targets.0.metric: abandon_rate has no variant 'V9'; known: all,",
        ),
        (
            "tickets: {",
            "targets:\n- {metric: abandon_rate, value: 5}\n"
            "- {metric: abandon_rate, value: 5, queue: vipp}\ntickets: {",
            "site.yaml:24: targets.1.queue: no queue 'vipp'; did you mean 'vip'?",
        ),
        (
            "tickets: {",
            "targets: [{metric: asa, value: 5, team: red}]\ntickets: {",
            "site.yaml:22: targets.0.team: no team 'red'; define it under teams",
        ),
        (
            "tickets: {",
            "targets: [{metric: asa, value: -50, kind: relative}]\ntickets: {",
            "site.yaml:22: targets.0: a relative target and one in points need a baseline",
        ),
        (
            "tickets: {",
            "targets: [{metric: asa, value: 5, queue: vip, department: refunds}]\ntickets: {",
            "site.yaml:22: targets.0: for one unit only, not queue and department",
        ),
        (
            "tickets: {",
            "targets:\n- {metric: asa, value: 5}\n- {metric: asa, value: 6}\ntickets: {",
            "site.yaml:24: targets.1: targets.0 is for the same; leave one out",
        ),
        (
            "tickets: {",
            "targets: [{metric: service_level, value: 90, queue: vip}]\ntickets: {",
            "site.yaml:22: targets.0.metric: that of a queue stands beside its threshold",
        ),
        (
            "tickets: {",
            "teams: {red: {name: {zh: 红, en: Red}, department: refund}}\ntickets: {",
            "site.yaml:22: teams.red.department: no department 'refund'; did you mean 'refunds'?",
        ),
        (
            "tickets: {",
            "sensitive_dates: {day: {name: {zh: 日, en: Day}, day: 02-29}}\ntickets: {",
            "site.yaml:22: sensitive_dates.day.day: '02-29': not a day of every year; choose one",
        ),
        (
            "tickets: {",
            "sensitive_dates: {day: {name: {zh: 日, en: Day}, day: 15 March}}\ntickets: {",
            "site.yaml:22: sensitive_dates.day.day: '15 March': write month and day as '03-15'",
        ),
        ("site: bank", "site: [bank", "not readable as YAML"),
        ("site: bank", "site: !!python/object:os.system x", "not readable as YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_remedy(right: str, wrong: str, problem: str) -> None:
    assert right in GOOD
    assert any(problem in line for line in problems(GOOD.replace(right, wrong, 1)))


def test_every_mistake_is_told_in_the_order_of_the_lines() -> None:
    text = GOOD.replace("Asia/Jerusalem", "Nowhere").replace("site: bank", "site: BANK")
    text = text.replace("min_records: 10", "min_records: 0, colour: red")
    lines = problems(text)
    assert [line.split(":")[1] for line in lines] == ["2", "4", "13", "13"]


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "just words", "&a [*a]", "? [a, b]\n: c\n", "\0", "[" * 2000]
)
def test_what_is_no_configuration_at_all_is_refused(text: str) -> None:
    assert all(line.startswith("site.yaml:1: ") for line in problems(text))


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        read_site("site.yaml", text)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; see infra/site"):
        load_site(tmp_path / "none.yaml")
    (tmp_path / "site.yaml").write_bytes(b"format: 1\nsite: \xd2\xf8\n")
    with pytest.raises(ConfigError, match=r"site\.yaml:2: not UTF-8 text; save the file as UTF-8"):
        load_site(tmp_path)
    (tmp_path / "site.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 4194304 bytes"):
        load_site(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=r"site\.yaml: no such file"):
        load_site(tmp_path / "folder")


def test_references_cannot_grow_without_bound() -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 12)]
    text = "l0: &l0 [x, x]\n" + "\n".join(levels)
    assert "too deep or too large; leave out & and * references" in problems(text)[0]


def test_a_value_that_yaml_chokes_on_is_told_like_any_other() -> None:
    lines = problems(GOOD.replace("site: bank", "site: 2026-13-99"))
    assert lines[0].startswith("site.yaml:2: site: '2026-13-99' is not a value: month must be")


def test_a_year_without_its_holidays_is_told_before_it_begins() -> None:
    text = GOOD.replace("[2025-10-02, 2026-09-21]", "[]\n    public_holidays: china")
    site = read_site("site.yaml", text)
    assert [*calendar_gaps(site, date(2026, 11, 30))] == []
    assert [*calendar_gaps(site, date(2026, 12, 1))] == [
        "calendars.office: no holidays are named for 2027, so each of its days counts by its "
        "weekday; name them, and the make-up days, as soon as they are published"
    ]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(GOOD, encoding="utf-8-sig")
    assert load_site(tmp_path) == read_site("site.yaml", GOOD)


def test_definitions_are_added_or_refused_with_their_lines(tmp_path: Path) -> None:
    bank = EXAMPLE.parents[2] / "docs" / "examples" / "bank-daily-table.yaml"
    assert load_definitions(load_catalogue(), bank).metrics["bank_calls"].unit == "count"
    (tmp_path / "own.yaml").write_text("format: 1\nmetric: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own\.yaml:2: metric: unknown key; did you mean 'metri"):
        load_definitions(load_catalogue(), tmp_path / "own.yaml")
