"""What a switch reports of its staff flows in; time by state, and how each agent stands, flow out.

reports   the reports that stand -> spans of time, each in one state
cells     spans -> milliseconds of each state by minute, team and agent
state     an agent's events, kept as long as they may yet be revised -> spans, cells, deadlines
"""

from __future__ import annotations

from pipeline.operators.agents.state import Agent

__all__ = ["Agent"]
