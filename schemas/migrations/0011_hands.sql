-- What departments had of the time of resolved tickets.
ALTER TABLE task_minutes
    ADD COLUMN IF NOT EXISTS dept_held_ms Int64 AFTER task_answer_ms,
    ADD COLUMN IF NOT EXISTS dept_ticket_ms Int64 AFTER dept_held_ms;
