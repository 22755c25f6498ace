LEVELS: tuple[str, ...]
COMPILED: dict[str, tuple[str, ...]]
CYTHON_OPTIONS: tuple[str, ...]
C_OPTIONS: dict[str, tuple[str, ...]]
