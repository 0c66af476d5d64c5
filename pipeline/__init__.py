"""The pipeline, top to bottom: sources -> decode -> timeline -> operators -> topology -> sinks."""
