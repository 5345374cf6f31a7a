"""What a handler receives: one request, and the parts of the emulator that it may use."""
