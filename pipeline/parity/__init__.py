"""Raw events flow in, a verdict on every base measure flows out: the numbers, computed twice.

The stream keeps state machines and revises sums as events come. Here each contact is taken whole
out of `raw_events` and read by SQL that was written from the definitions alone. The two share no
code, so a mistake has to be made twice, in two languages, to go unnoticed.

    contacts_sql   records -> the events that stand -> each contact's stays in queues
    calls_sql      stays -> what counts where and when
    agents_sql     agents' reports -> time by state
    tickets_sql    records -> each ticket's events, with how it stood after each
    ticket_levels_sql, ticket_rows_sql    tickets -> what counts where and when
    ticket_sums_sql  what they count as -> rows, by place and minute
    intake_sql     records -> what reached the log
    check          both sides -> differences, a span of days, or a part of the tickets, at a time
"""
