"""Records of `raw_events` flow in, what tasks count as flows out: rows of `task_minutes`, as SQL.

The definitions, in the order in which the queries apply them:

- *What is known* of a task is the latest word. Where another department is named than before, the
  person who had it there is no longer known.
- *States.* An answer, or a closing, makes a task answered; a return makes an answered one the
  department's again (held), and a held one nobody's; an assignment makes any held.
- *An assignment* begins with the event `task.assigned`, unless the same department has the task
  already; else with the first event of all, and then when it began is not known.
- *A turn* begins where a task becomes held, and ends where it is no longer; an answer without one
  is a turn of no length. A turn that an assignment elsewhere cuts short ends with that.
"""

from __future__ import annotations

from pipeline.parity import hands_sql
from pipeline.parity.calls_sql import CONFIGS, FORCE
from pipeline.parity.contacts_sql import stepwise
from pipeline.parity.hours_sql import NEVER, after, opened
from pipeline.parity.ticket_levels_sql import passed
from pipeline.parity.tickets_sql import instant, standing

TYPES = ("task.assigned", "task.urged", "task.answered", "task.returned", "task.closed")
"""The events of a task, in the order that they have within one millisecond."""
TASK = "JSONExtractString(payload, 'task_id')"
DIMENSIONS = ("department", "interface_person", "task_type")
SUMS = (
    *("tasks_assigned", "tasks_supervised", "tasks_due", "tasks_in_time", "tasks_answered"),
    *("task_answer_ms", "dept_answers", "dept_answers_returned", "urges", "urges_ticket"),
    *("urges_email", "urges_phone", "urges_leader", "urges_effective", *hands_sql.SUMS),
)
HISTOGRAMS = ("task_answer_bins",)
ASSIGNED = "parity_assignments"
"""A table of what `assignments` gives."""

_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
_SETS = {
    "site": "['', '', '']",
    "department": "[known[1], '', known[3]]",
    "person": "[known[1], known[2], '']",
}
_SO_FAR = "OVER (PARTITION BY shard, entity ORDER BY n ROWS UNBOUNDED PRECEDING)"
_IN_DEPARTMENT = "OVER (PARTITION BY shard, entity, moves ORDER BY n ROWS UNBOUNDED PRECEDING)"
_AGREED = """Tuple(
    calendar Nullable(String), interface_person Nullable(String), cycle_hours Nullable(Float64),
    task_hours Map(String, Float64))"""
_RULES = f"""
SELECT
    rules,
    any(JSONExtract(content, 'departments', 'Map(String, {_AGREED})')) AS departments,
    any(JSONExtractString(content, 'calendar')) AS own_calendar,
    any(JSONExtractUInt(content, 'tickets', 'forget_days')) AS forget_days
FROM ({CONFIGS}) GROUP BY rules
"""
_EVENT = """Tuple(
    n UInt64, at Int64, word String, moved UInt8, department String, person String,
    task_type String, due Nullable(Int64), level String)"""


def _text(name: str) -> str:
    return f"JSONExtractString(payload, '{name}')"


_TOLD = stepwise(
    f"SELECT * FROM ({standing(TYPES, TASK)})",
    f"""
    substring(type, 6) AS word,
    {_text("urge_level")} AS level,
    ifNull(anyLast(nullIf({_text("department")}, '')) {_SO_FAR}, '') AS department,
    ifNull(anyLast(nullIf({_text("task_type")}, '')) {_SO_FAR}, '') AS task_type,
    anyLast({instant("'due_at'")}) {_SO_FAR} AS due
    """,
    """
    lagInFrame(department) OVER (PARTITION BY shard, entity ORDER BY n
        ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS department_before,
    department_before != '' AND department != department_before AS moved
    """,
    f"sum(moved) {_SO_FAR} AS moves",
    f"""
    ifNull(anyLast(nullIf({_text("interface_person")}, '')) {_IN_DEPARTMENT}, '') AS person
    """,
)

_WHOLE = stepwise(
    f"""
    SELECT
        shard, entity, any(began_at_place) AS began_at_place, any(last_place) AS last_place,
        any(last_domain) AS last_domain,
        arraySort(e -> e.n, groupArray(CAST(
            (n, at, word, moved, department, person, task_type, due, level) AS {_EVENT}))) AS es
    FROM ({_TOLD})
    GROUP BY shard, entity
    """,
    """
    arrayFold((states, e) -> arrayPushBack(states, multiIf(
        e.word = 'assigned', 'held',
        e.word IN ('answered', 'closed'), 'answered',
        e.word = 'urged', states[-1],
        states[-1] = 'answered', 'held',
        'nobody')), es, ['']) AS states
    """,
    """
    arrayCumSum(arrayMap((e, before, i) -> i = 1
        OR e.word = 'assigned' AND (before != 'held' OR e.moved),
        es, arrayPopBack(states), arrayEnumerate(es))) AS numbers,
    es[-1].at AS latest_at
    """,
)


def assignments(clocks: str) -> str:
    """SQL for assignments, each with what its department has agreed to by the rules in force.

    Parameters of the query: `site`; `part`, `parts`: which of how many parts of the tasks.

    Args:
        clocks: as `calls_sql.calls_rows` takes them.
    """
    return stepwise(
        f"""
        SELECT c.*, r.* EXCEPT rules, number
        FROM (
            SELECT w.*, f.rules AS rules
            FROM ({_WHOLE}) AS w
            ASOF LEFT JOIN ({FORCE}) AS f ON w.shard = f.shard AND w.began_at_place > f.place
        ) AS c
        LEFT JOIN ({_RULES}) AS r USING (rules)
        ARRAY JOIN arrayDistinct(numbers) AS number
        """,
        f"""
        arrayFilter((e, k) -> k = number, es, numbers) AS mine,
        arrayFilter((s, k) -> k = number, arrayPopFront(states), numbers) AS after,
        arrayFirst((e, k) -> k = number + 1, es, numbers).at AS next_at,
        mine[1].word = 'assigned' AS is_told,
        mine[1].at AS began_at,
        mine[-1].department AS department,
        mine[-1].task_type AS task_type,
        departments[department] AS agreed,
        toInt64(if(forget_days = 0, 365, forget_days)) * {_DAY_MS} AS forget_ms,
        arrayFirst(c -> c.1 = shard AND c.2 = last_domain, {clocks}) AS running
        """,
        f"""
        if(mine[-1].person != '', mine[-1].person, ifNull(agreed.interface_person, ''))
            AS interface_person,
        mine[-1].due AS due_said,
        round({_HOUR_MS} * if(
            mapContains(agreed.task_hours, task_type), agreed.task_hours[task_type],
            agreed.cycle_hours))::Nullable(Int64) AS cycle_ms,
        ifNull(agreed.calendar, own_calendar) AS calendar,
        if(calendar = '', '', concat(rules, '/', calendar)) AS worked_by
        """,
    )


def moments(states: str) -> str:
    """SQL for the moments of tickets, from `states`, and of tasks, from `ASSIGNED`."""
    return f"""(
    SELECT opened_at, now, due_told FROM {states}
    UNION ALL
    SELECT began_at AS opened_at, latest_at AS now, due_said AS due_told FROM {ASSIGNED})"""


def _turns() -> str:
    """SQL for assignments, from `ASSIGNED`, with their turns and whether an answer came in time."""
    dated = opened(f"SELECT * FROM {ASSIGNED}", "worked_by", "began_at", "open_before")
    dated = after(dated, "worked_by", "began_at", "open_before + cycle_ms", "due_agreed")
    return stepwise(
        dated,
        "ifNull(due_said, due_agreed) AS due_told",
        """
        if(is_told, greatest(assumeNotNull(due_told), began_at), 0) AS due_at,
        is_told AND due_told IS NOT NULL AS has_due,
        -- Before the first event of an assignment nothing of it was.
        arrayPushFront(arrayPopBack(after), '') AS before,
        arrayFilter((e, a, b) -> a = 'answered' AND b != 'answered', mine, after, before)
            AS answers
        """,
        # (start, end, whether an answer ends it); an end of 0: it goes on.
        """
        arrayMap((e, a) -> (
            e.at,
            if(a = 'answered', e, arrayFirst((l, s) -> l.n > e.n AND s != 'held', mine, after))
                AS leaving,
            if(a = 'answered', 'answered', arrayFirst(
                (s, l) -> l.n > e.n AND s != 'held', after, mine)) AS how
        ), arrayFilter((e, a, b) -> a != b AND (a = 'held' OR a = 'answered' AND b != 'held'),
            mine, after, before),
        arrayFilter((a, b) -> a != b AND (a = 'held' OR a = 'answered' AND b != 'held'),
            after, before)) AS stretches
        """,
        """
        arrayMap(t -> (t.1, if(t.3 != '', t.2.at, next_at), t.3 = 'answered'), stretches) AS turns,
        arrayFilter(e -> e.word = 'urged', mine) AS urged
        """,
        f"""
        arrayFilter(t -> t.1 <= due_at, turns)[-1] AS turn_then,
        if(turn_then.2 = 0, {NEVER}, turn_then.2) AS it_ends_at,
        multiIf(
            NOT has_due, 0,
            due_at >= it_ends_at, toUInt8(turn_then.3),
            turn_then.2 != 0 OR due_at < latest_at, 1,
            {passed("due_at", "latest_at")}) AS judged
        """,
    )


def _bin(value: str) -> str:
    """DDSketch with 1 %: bin k holds (gamma^(k-1), gamma^k], gamma = 1.01 / 0.99."""
    return f"if({value} <= 0, 0, greatest(1, ceil(log({value}) / log(1.01 / 0.99))))"


def _one(measure: str, at: str, when: str, value: str = "1", bin_: str = "0") -> str:
    return f"if({when}, [({measure}, toUInt16({bin_}), toInt64({at}), toInt64({value}))], [])"


def _each(measure: str, events: str) -> str:
    return f"arrayMap(e -> ({measure}, toUInt16(0), e.at, toInt64(1)), {events})"


def counted() -> str:
    """SQL for the counts of some tasks, to be put into `ticket_sums_sql.COUNTED`."""
    took = "arraySum(arrayMap(t -> t.2 - t.1, turns))"
    stands = "is_told AND after[-1] = 'answered'"
    returned = f"""
    arrayFilter(e -> arrayExists((r, b) -> r.word = 'returned' AND b = 'answered' AND r.n > e.n
        AND r.at <= e.at + {3 * _DAY_MS} AND NOT arrayExists(
            o -> o.n > e.n AND o.n < r.n, answers), mine, before), answers)"""
    effective = f"""
    arrayFilter(u -> arrayExists(a -> a.n > u.n AND a.at <= u.at + {4 * _HOUR_MS}
        AND NOT arrayExists(o -> o.n > u.n AND o.n < a.n, arrayConcat(urged, answers)), answers),
    urged)"""
    lists = ", ".join(
        [
            _one("'tasks_assigned'", "began_at", "is_told"),
            _one(
                "'tasks_supervised'",
                "began_at",
                "is_told AND arrayExists(e -> e.level = 'leader', urged)",
            ),
            _one("concat('tasks_due', if(judged = 2, '?', ''))", "due_at", "judged > 0"),
            _one("'tasks_in_time'", "due_at", "judged = 1 AND due_at >= it_ends_at"),
            _one("'tasks_answered'", "turns[-1].2", stands),
            _one("'task_answer_ms'", "turns[-1].2", stands, took),
            _one("'task_answer_bins'", "turns[-1].2", stands, bin_=_bin(took)),
            _each("'dept_answers'", "answers"),
            _each("'dept_answers_returned'", returned),
            _each("'urges'", "urged"),
            _each(
                "concat('urges_', e.level)",
                "arrayFilter(e -> e.level IN ('ticket', 'email', 'phone', 'leader'), urged)",
            ),
            _each("'urges_effective'", effective),
        ]
    )
    places = ", ".join(f"('{dims}', {values})" for dims, values in _SETS.items())
    return f"""
SELECT
    'tasks' AS family, place.1 AS dims, place.2 AS known, measure, bin,
    toInt64(floor(at / 60000) * 60) AS minute, sum(value) AS value
FROM (
    SELECT
        [{", ".join(DIMENSIONS)}] AS known, [{places}] AS places,
        counted.1 AS measure, counted.2 AS bin, counted.3 AS at, counted.4 AS value
    FROM (SELECT *, arrayConcat({lists}) AS counts FROM ({_turns()}))
    ARRAY JOIN counts AS counted
    WHERE value != 0
)
ARRAY JOIN places AS place
GROUP BY dims, known, measure, bin, minute
"""


def rows(table: str) -> str:
    """SQL for every recomputed count whose minute lies in the span, from `table`."""
    columns = ", ".join(f"known[{i}] AS {name}" for i, name in enumerate(DIMENSIONS, 1))
    return f"""
SELECT dims, minute, {columns}, measure, bin, value
FROM {table}
WHERE family = 'tasks' AND minute * 1000 >= %(row_from)s AND minute * 1000 < %(row_to)s
"""


def stored() -> str:
    """SQL for the same counts as they are stored; parameters `site`, `row_from`, `row_to`."""
    sums = ", ".join(f"('{name}', 0::UInt16, {name})" for name in SUMS)
    bins = ", ".join(
        f"arrayMap((b, n) -> ('{name}', b, n), mapKeys({name}), mapValues({name}))"
        for name in HISTOGRAMS
    )
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {", ".join(DIMENSIONS)},
    counted.1 AS measure, counted.2 AS bin, counted.3 AS value
FROM task_minutes FINAL
ARRAY JOIN arrayFilter(m -> m.3 != 0, arrayConcat([{sums}], {bins})) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
