"""What winograd.pyx and bytes_winograd.pyx share: blocks, schedules, the way from x to y. Both include it.

Before the include a file defines

    Item, Sum               a number of V and U; a number of M, of four bytes
    ITEMS                   Items in the room of a Sum
    CHUNK                   Items in a vector
    InputTransform, OutputTransform, Job

and after it

    choose_transforms       those of F(m x m, 3 x 3)
    fill_patch              [m*rows + 2][width][CHUNK] Items of x, for a block and CHUNK channels
    products                M = V U
    finish_block            y from [m*rows][m*columns][TILE_COLS] Sums

A number is four bytes.
"""

from kernels.blocks cimport Block, Blocks, block_at, ceil_div, cut, share, whole_lines
from kernels.call cimport Call, call_of
from kernels.layer cimport Layer
from kernels.simd cimport TILE_COLS, TILE_ROWS, VLEN
from kernels.thread_pool cimport run as run_in_pool

cdef Py_ssize_t CACHE = 128 * 1024      # numbers: V of a block takes 512 KiB of the L2 cache, else M takes half of it
cdef Py_ssize_t U_CACHE = 64 * 1024     # numbers: U of a part takes 256 KiB of the L2 cache
cdef Py_ssize_t SHARED = 1024 * 1024    # numbers: V of all blocks takes 4 MiB of the last cache


cdef struct Plan:
    Job job
    Py_ssize_t m, n
    InputTransform input
    OutputTransform output
    Py_ssize_t parts                    # of the input channels, each with a U of its own
    Py_ssize_t u_position, u_channel    # numbers from one to the next in U
    Py_ssize_t u_size                   # numbers in the U of a part, if it is made in each call
    bint v_stays                        # in the L2 cache, while it meets all of U
    Blocks blocks                       # of tiles
    Py_ssize_t chunks                   # vectors of input channels, CHUNK of them in each
    Py_ssize_t tiles                    # of the largest block, made odd: powers of two collide in the cache
    Py_ssize_t width                    # of the patch of input pixels behind a block
    Py_ssize_t v_step                   # Items of a position in the V of one block
    Py_ssize_t v_size                   # numbers of that V
    Py_ssize_t* tap                     # where each chunk begins in a V
    Sum* v                              # the V of all blocks, if they are made before U is read


cdef Plan plan_of(Layer layer, Py_ssize_t m) noexcept nogil:
    """Lay out the blocks and choose the schedule."""
    cdef Plan plan
    cdef Py_ssize_t n = m + 2, C = layer.C // layer.groups
    plan.m, plan.n = m, n
    choose_transforms(&plan)
    plan.v_stays = CACHE * ITEMS // (n * n * C) >= 2 * TILE_ROWS
    plan.blocks = cut(ceil_div(layer.P, m), ceil_div(layer.Q, m),
                      CACHE * ITEMS // (n * n * C) if plan.v_stays else CACHE // (n * n * 2 * TILE_COLS), 1)
    plan.chunks = ceil_div(C, CHUNK)
    plan.parts, plan.u_size = 1, 0
    plan.u_position, plan.u_channel = plan.chunks * VLEN * TILE_COLS, TILE_COLS
    if layer.compact:
        plan.u_position, plan.u_channel = TILE_COLS, n * n * TILE_COLS + VLEN       # no power of two, as tiles
        plan.parts = ceil_div(plan.chunks, U_CACHE // (plan.u_channel * VLEN))
        plan.u_size = ceil_div(plan.chunks, plan.parts) * VLEN * plan.u_channel
    plan.tiles = plan.blocks.rows * plan.blocks.columns | 1
    plan.width = m * plan.blocks.columns + 2
    plan.v_step = (plan.chunks * plan.tiles + 1) * CHUNK
    plan.v_size = whole_lines(n * n * plan.v_step // ITEMS)
    return plan


cdef Py_ssize_t blocks_of(const Plan* plan, const Layer* layer) noexcept nogil:
    """How many V there are."""
    return layer.N * layer.groups * plan.blocks.down * plan.blocks.across


cdef bint v_comes_first(const Plan* plan, const Layer* layer, int threads) noexcept nogil:
    """Whether output channels have owners: else threads were idle, V came from the last cache too, or more bytes moved.

    The bytes: filters are read again for every block, or V is written, and read again for every block of channels.
    """
    cdef Py_ssize_t all_blocks = blocks_of(plan, layer), idle = ceil_div(all_blocks, threads) * threads - all_blocks
    cdef Py_ssize_t blocks = all_blocks // layer.groups, channel_blocks = ceil_div(layer.K // layer.groups, TILE_COLS)
    cdef Py_ssize_t each = 9 if layer.compact else plan.n * plan.n
    cdef Py_ssize_t filters = channel_blocks * TILE_COLS * plan.chunks * VLEN * each
    return (threads > 1 and (all_blocks < 2 * threads or 10 * idle > all_blocks)
            or not plan.v_stays and all_blocks * plan.v_size <= SHARED
            or filters * (blocks - 1) > blocks * plan.v_size * (channel_blocks + 1))


cdef Py_ssize_t tap_size(const Plan* plan) noexcept nogil:
    return whole_lines(plan.chunks * sizeof(Py_ssize_t) // sizeof(float))


cdef Py_ssize_t patch_size(const Plan* plan) noexcept nogil:
    return ((plan.m * plan.blocks.rows + 2) * plan.width + VLEN) * VLEN


cdef Py_ssize_t half_size(const Plan* plan) noexcept nogil:
    return plan.n * plan.width * VLEN


cdef Py_ssize_t worker_scratch(const Plan* plan) noexcept nogil:
    """Numbers that a worker needs: a V; half-transformed inputs; then a patch, or M and a part's U or the outputs."""
    cdef Py_ssize_t products = plan.n * plan.n * plan.tiles * TILE_COLS
    cdef Py_ssize_t outputs = (2 * plan.m * plan.m * plan.tiles + 2 * VLEN) * TILE_COLS
    return plan.v_size + whole_lines(half_size(plan) + max(patch_size(plan), products + max(outputs, plan.u_size)))


cdef Py_ssize_t arena_size(const Plan* plan, const Layer* layer, int threads) noexcept nogil:
    """Numbers of scratch that a call needs."""
    cdef Py_ssize_t shared = plan.v_size * blocks_of(plan, layer) if v_comes_first(plan, layer, threads) else 0
    return tap_size(plan) + threads * worker_scratch(plan) + shared


cdef void transform_chunk(const Plan* plan, Block block, Py_ssize_t chunk, Sum* scratch, Item* V) noexcept nogil:
    """V = B^T d B of every tile of the block, for CHUNK channels of its group."""
    cdef Py_ssize_t m = plan.m, n = plan.n, width = plan.width
    cdef Py_ssize_t i, row
    cdef Item* half = <Item*>scratch                        # [n][width][CHUNK]
    cdef Item* patch = <Item*>(scratch + half_size(plan))   # [m*rows + 2][width][CHUNK]
    fill_patch(plan, block, chunk, patch)
    for row in range(block.rows):
        # B^T d, down every column of pixels
        plan.input(patch + row * m * width * CHUNK, width * CHUNK, CHUNK, half, width * CHUNK, CHUNK,
                   m * block.columns + 2)
        # (B^T d) B, along the rows, tile by tile
        for i in range(n):
            plan.input(half + i * width * CHUNK, CHUNK, m * CHUNK,
                       V + i * n * plan.v_step + (chunk * plan.tiles + row * block.columns) * CHUNK,
                       plan.v_step, CHUNK, block.columns)


cdef void multiply_block(const Plan* plan, Block block, Py_ssize_t channel_block, Sum* scratch,
                         const Item* V) noexcept nogil:
    """M = V U for TILE_COLS output channels, then y = A^T M A."""
    cdef Py_ssize_t m = plan.m, n = plan.n, columns = block.columns, i, j, row, vec
    cdef Py_ssize_t K = plan.job.layer.K // plan.job.layer.groups
    cdef Py_ssize_t vecs = ceil_div(min(TILE_COLS, K - channel_block * TILE_COLS), VLEN)
    cdef Sum* half = scratch                                # [m][n][columns][VLEN]
    cdef Sum* M = half + half_size(plan)                    # [n*n][tiles][TILE_COLS]
    cdef Sum* pixels = M + n * n * plan.tiles * TILE_COLS   # [m*rows][m*columns][TILE_COLS]
    cdef Sum* behind = pixels + (m * m * plan.tiles + VLEN) * TILE_COLS     # as much again
    products(plan, block, channel_block, vecs, V, M, pixels)
    for row in range(block.rows):
        for vec in range(vecs):
            # A^T M, down every column of positions
            for j in range(n):
                plan.output(M + (j * plan.tiles + row * columns) * TILE_COLS + vec * VLEN,
                            n * plan.tiles * TILE_COLS, TILE_COLS,
                            half + j * columns * VLEN, n * columns * VLEN, VLEN, columns)
            # (A^T M) A, along the rows
            for i in range(m):
                plan.output(half + i * n * columns * VLEN, columns * VLEN, VLEN,
                            pixels + (row * m + i) * m * columns * TILE_COLS + vec * VLEN,
                            TILE_COLS, m * TILE_COLS, columns)
    finish_block(plan, block, channel_block, vecs, pixels, behind)


cdef void block_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Tile-owner: the V of one block meets all output channels."""
    cdef const Plan* plan = <const Plan*>context
    cdef const Layer* layer = &plan.job.layer
    cdef Block block = block_at(&plan.blocks, layer.groups, index)
    cdef Py_ssize_t chunk, channel_block
    cdef Sum* scratch = plan.job.scratch + worker * plan.job.scratch_size
    cdef Item* V = <Item*>scratch
    for chunk in range(plan.chunks):
        transform_chunk(plan, block, chunk, scratch + plan.v_size, V)
    for channel_block in range(ceil_div(layer.K // layer.groups, TILE_COLS)):
        multiply_block(plan, block, channel_block, scratch + plan.v_size, V)


cdef void transform_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Output-channel-owner, first half: one chunk of the V of one block, for all to read."""
    cdef const Plan* plan = <const Plan*>context
    cdef Py_ssize_t at = index // plan.chunks
    transform_chunk(plan, block_at(&plan.blocks, plan.job.layer.groups, at), index % plan.chunks,
                    plan.job.scratch + worker * plan.job.scratch_size + plan.v_size,
                    <Item*>(plan.v + at * plan.v_size))


cdef void channels_task(void* context, Py_ssize_t index, int worker) noexcept nogil:
    """Output-channel-owner, second half: a V meets one block of output channels, which then meets the next V."""
    cdef const Plan* plan = <const Plan*>context
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t channel_blocks = ceil_div(layer.K // layer.groups, TILE_COLS)
    cdef Py_ssize_t blocks = plan.blocks.down * plan.blocks.across
    cdef Py_ssize_t owner = index // (layer.N * blocks), n = index // blocks % layer.N
    cdef Py_ssize_t at = (n * layer.groups + owner // channel_blocks) * blocks + index % blocks
    multiply_block(plan, block_at(&plan.blocks, layer.groups, at), owner % channel_blocks,
                   plan.job.scratch + worker * plan.job.scratch_size + plan.v_size,
                   <const Item*>(plan.v + at * plan.v_size))


cdef void start(const void* laid_out, void* arena, int threads) noexcept nogil:
    """Compute the layer with `arena_size` numbers."""
    cdef Plan plan = (<const Plan*>laid_out)[0]
    cdef const Layer* layer = &plan.job.layer
    cdef Py_ssize_t chunk, blocks = blocks_of(&plan, layer)
    plan.tap = <Py_ssize_t*>arena
    for chunk in range(plan.chunks):
        plan.tap[chunk] = chunk * plan.tiles * VLEN
    plan.job.scratch = <Sum*>arena + tap_size(&plan)
    plan.job.scratch_size = worker_scratch(&plan)
    if v_comes_first(&plan, layer, threads):
        plan.v = plan.job.scratch + threads * plan.job.scratch_size
        run_in_pool(transform_task, &plan, blocks * plan.chunks, threads)
        run_in_pool(channels_task, &plan, blocks * ceil_div(layer.K // layer.groups, TILE_COLS), threads)
    else:
        run_in_pool(block_task, &plan, blocks, threads)
