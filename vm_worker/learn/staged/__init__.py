"""The networks of staged transfer, and how one stage trains them."""
