"""Which of the four tools helps a network, by how much: every layer by every program, the best mix, an accelerator."""
