"""The booth as a pure state machine: events in, state and effects out."""
