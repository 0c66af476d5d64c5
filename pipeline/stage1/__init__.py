"""What a shard's records mean: applied to its state, folded into its rows, kept for the store."""
