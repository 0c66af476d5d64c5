"""Contracts: what flows in (events), what is kept (rows, tables) and what it means (metrics)."""
