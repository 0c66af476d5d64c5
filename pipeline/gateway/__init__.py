"""HTTP requests flow in, durable records of the log flow out: how live sources reach Goldpan."""
