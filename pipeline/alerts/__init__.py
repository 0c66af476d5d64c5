"""Rules: what stage 2 saw in a window flows in, steps in the life of alerts flow out."""
