"""Cutting a layer's output into blocks that fit the cache, and blocks into tasks for the threads."""


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t share(Py_ssize_t total, Py_ssize_t parts, Py_ssize_t i) noexcept nogil:
    """Where part i begins when `total` is cut into `parts` of nearly equal size."""
    return total * i // parts


cdef inline Py_ssize_t whole_lines(Py_ssize_t numbers) noexcept nogil:
    """Round up to whole cache lines, so that no two workers write to the same one."""
    return ceil_div(numbers, 16) * 16


cdef inline Py_ssize_t splits_for(Py_ssize_t tasks, Py_ssize_t channel_blocks, int threads) noexcept nogil:
    """How many parts to cut the output channels into, so that every thread finds several of the tasks, and as many."""
    cdef Py_ssize_t splits = ceil_div(4 * threads, tasks)
    while splits < channel_blocks and tasks * splits % threads and tasks * splits < 16 * threads:
        splits += 1
    return 1 if threads == 1 else min(channel_blocks, splits)


cdef inline bint holds(Py_ssize_t* held, int worker, Py_ssize_t block) noexcept nogil:
    """Whether the worker's copy is of this block already; from now on it is. Parts of one block follow each other."""
    cdef bint same = held[worker] == block
    held[worker] = block
    return same


cdef inline Py_ssize_t held_size(int threads) noexcept nogil:
    """Numbers of scratch that hold an index for each worker."""
    return whole_lines(threads * sizeof(Py_ssize_t) // sizeof(float))


cdef inline Py_ssize_t* nothing_held(void* scratch, int threads) noexcept nogil:
    """Let no worker hold a block."""
    cdef Py_ssize_t* held = <Py_ssize_t*>scratch
    cdef int worker
    for worker in range(threads):
        held[worker] = -1
    return held


# Blocks of a plane: whole rows, or pieces of one row.
cdef struct Blocks:
    Py_ssize_t height, width            # of the plane
    Py_ssize_t rows, columns            # of the largest block
    Py_ssize_t down, across             # how many blocks
    Py_ssize_t grain                    # columns begin at its multiples


cdef struct Block:
    Py_ssize_t n, group                 # image and group of channels
    Py_ssize_t row, column              # where it begins
    Py_ssize_t rows, columns


cdef inline Blocks cut(Py_ssize_t height, Py_ssize_t width, Py_ssize_t most, Py_ssize_t grain) noexcept nogil:
    """Cut height x width into blocks of about `most` elements, nearly equal; pieces of a row are whole grains."""
    cdef Blocks blocks
    blocks.height, blocks.width = height, width
    blocks.grain = grain
    blocks.across = ceil_div(width, max(most, grain))
    blocks.columns = min(width, ceil_div(ceil_div(width, grain), blocks.across) * grain)
    blocks.rows = 1 if blocks.across > 1 else ceil_div(height, ceil_div(height, max(1, most // blocks.columns)))
    blocks.down = ceil_div(height, blocks.rows)
    return blocks


cdef inline Block block_at(const Blocks* blocks, Py_ssize_t groups, Py_ssize_t index) noexcept nogil:
    """The block with this number: they count through images, then groups, then rows, then columns."""
    cdef Block block
    cdef Py_ssize_t place = index % (blocks.down * blocks.across)
    index = index // (blocks.down * blocks.across)
    block.n, block.group = index // groups, index % groups
    cdef Py_ssize_t down = place // blocks.across, across = place % blocks.across
    cdef Py_ssize_t grains = ceil_div(blocks.width, blocks.grain)
    block.row = share(blocks.height, blocks.down, down)
    block.rows = share(blocks.height, blocks.down, down + 1) - block.row
    block.column = share(grains, blocks.across, across) * blocks.grain
    block.columns = min(blocks.width, share(grains, blocks.across, across + 1) * blocks.grain) - block.column
    return block
