"""What comes in: the HTTP gateway, adapters of vendors and files; events for the log go out."""
