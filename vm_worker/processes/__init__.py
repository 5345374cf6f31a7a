"""Child processes that exchange JSON lines with the process that started them."""
