"""The embedded log: records in from the gateway and file ingests, the same records out in order."""
