"""Where the core is hosted: the embedded process now, Faust workers on Kafka later."""
