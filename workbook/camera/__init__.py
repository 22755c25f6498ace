"""A camera with a deadline: frames, what serves them, which ones are dropped, and how long each result took."""
