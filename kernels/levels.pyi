LEVELS: tuple[str, ...]
COMPILED: dict[str, tuple[str, ...]]
