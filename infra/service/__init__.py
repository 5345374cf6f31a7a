"""Other packages for a service.pyz: a container, and a program that needs no Python."""
