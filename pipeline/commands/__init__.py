"""What a person types flows in, what Goldpan does about it flows out: one command a file."""
