"""What the tests of the cost model share: the same examples on every run, and no deadline on a busy machine."""

import hypothesis

hypothesis.settings.register_profile("hardware", derandomize=True, max_examples=60, deadline=None, database=None)
hypothesis.settings.load_profile("hardware")
