"""The learning itself: pretrained networks, features, heads, fine-tuning, and one model out of them."""
