"""Requests, responses and errors, as every other room of the emulator uses them."""
