"""The error that the command line shows as one line."""


class CommandError(Exception):
    """What keeps a command from doing its work, said to the learner: what is wrong, and what to do."""
