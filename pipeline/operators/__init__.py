"""What is computed from events: one idea a file, each pure, none importing another."""
