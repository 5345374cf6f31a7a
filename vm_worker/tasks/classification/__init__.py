"""Classification: each photo shows one class, and each class has a folder of photos."""
