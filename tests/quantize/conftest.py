"""What every test of quantization shares."""

import hypothesis

# The same examples on every run; no deadline, because a busy machine is not a bug.
hypothesis.settings.register_profile("quantization", derandomize=True, max_examples=60, deadline=None, database=None)
hypothesis.settings.load_profile("quantization")
