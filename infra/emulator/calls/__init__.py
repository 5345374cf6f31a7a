"""The argument of the handlers: one request, and the parts of the emulator that they may use."""
