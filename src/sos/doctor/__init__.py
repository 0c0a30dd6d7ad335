"""The doctor: climbs the recovery ladder for an agent, and says what is broken, since when, why it matters, and what mends it."""
