"""A seed flows in, the events of a made-up call centre flow out, with the truth beside them.

`centre` puts it together: callers (`callers`, `demand`) meet agents (`rota`, `staff`) on the
`floor`, what is not settled there becomes a ticket on the `desk`, and `voice` says what happens.
"""
