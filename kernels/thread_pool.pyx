"""A small thread pool: `run(task, context, count, threads)` calls task(context, index, worker) for every index < count.

The caller works too, and up to threads - 1 helpers beside it. Each takes indices of a range of its own, one at a time,
so that a core meets the same part of an array again in the next call and in the next layer; who is ready takes what is
left of the others'. Whoever waits looks out for a moment, giving way to anyone who wants its core, before it sleeps: to
wake a sleeper takes longer than a small layer, and the next layer of a network comes sooner. Helpers keep off the core
of the caller: Linux wakes a thread where its waker runs, and may leave both there, on one core, for good. While one job
runs, a second caller does its own work alone, so nothing waits for anything. After fork() the child starts with an
empty pool: it has none of its parent's threads.
"""

from kernels.blocks cimport share

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_create(pthread_t*, void*, void* (*)(void*) noexcept nogil, void*)
    int pthread_detach(pthread_t)
    int pthread_mutex_init(pthread_mutex_t*, void*)
    int pthread_mutex_lock(pthread_mutex_t*)
    int pthread_mutex_unlock(pthread_mutex_t*)
    int pthread_cond_init(pthread_cond_t*, void*)
    int pthread_cond_wait(pthread_cond_t*, pthread_mutex_t*)
    int pthread_cond_signal(pthread_cond_t*)
    int pthread_atfork(void (*)() noexcept nogil, void (*)() noexcept nogil, void (*)() noexcept nogil)

cdef extern from * nogil:
    """
    #include <sched.h>
    #if !defined(__linux__)     /* macOS lets nobody choose a core: whoever asks gets an error, and leaves it at that */
    typedef int cpu_set_t;
    #define sched_getcpu() (-2)
    #define sched_getaffinity(process, size, cores) (-1)
    #define pthread_setaffinity_np(thread, size, cores) (-1)
    #define CPU_COUNT(cores) (0)
    #define CPU_CLR(core, cores) ((void)0)
    #endif
    """
    ctypedef struct cpu_set_t:
        pass
    int sched_yield()
    int sched_getcpu()
    int sched_getaffinity(int, size_t, cpu_set_t*)
    int pthread_setaffinity_np(pthread_t, size_t, cpu_set_t*)
    int CPU_COUNT(cpu_set_t*)
    void CPU_CLR(int, cpu_set_t*)

cdef extern from "<unistd.h>" nogil:
    int getpid()

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int, timespec*)

cdef extern from * nogil:
    int __atomic_load_n(int*, int)
    void __atomic_store_n(int*, int, int)
    int __ATOMIC_RELAXED

cdef enum:
    LOOKOUT = 100_000               # nanoseconds that a waiting thread looks out before it sleeps
    MOST = 255                      # helpers

cdef struct Range:
    Py_ssize_t next, end

cdef struct Pool:
    pthread_mutex_t lock            # guards all that follows
    pthread_cond_t job_came
    pthread_cond_t job_done
    bint busy                       # a job is under way
    Task task
    void* context
    Range left[MOST + 1]            # of each worker's indices
    int workers
    int helpers                     # threads that exist; set by `show`
    pthread_t threads[MOST]
    int avoided                     # the core that they keep off
    int wanted                      # helpers that may still join this job; set by `show`
    int joined                      # helpers that have joined it; also numbers them
    int working                     # helpers that have not left it; set by `show`

cdef Pool pool


cdef void empty_pool() noexcept nogil:
    pthread_mutex_init(&pool.lock, NULL)
    pthread_cond_init(&pool.job_came, NULL)
    pthread_cond_init(&pool.job_done, NULL)
    pool.busy = False
    pool.helpers = pool.wanted = pool.joined = pool.working = 0
    pool.avoided = -1


cdef void show(int* number, int value) noexcept nogil:
    """Set, with the lock held, a number that is read without it too: by `look_out` and `helpers`."""
    __atomic_store_n(number, value, __ATOMIC_RELAXED)


cdef long nanoseconds() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef void look_out(int* number, bint for_zero) noexcept nogil:
    """Return when the number is zero (or is not), or after a moment. Called, and left, with the lock held."""
    cdef long end = nanoseconds() + LOOKOUT
    pthread_mutex_unlock(&pool.lock)
    while (__atomic_load_n(number, __ATOMIC_RELAXED) == 0) != for_zero and nanoseconds() < end:
        sched_yield()
    pthread_mutex_lock(&pool.lock)


cdef Py_ssize_t take_index(int worker) noexcept nogil:
    """Return the next index of the worker's own, else the last of whoever has the most left, else -1."""
    cdef Range* own = &pool.left[worker]
    cdef Range* most = own
    cdef int other
    if own.next < own.end:
        own.next += 1
        return own.next - 1
    for other in range(pool.workers):
        if pool.left[other].end - pool.left[other].next > most.end - most.next:
            most = &pool.left[other]
    if most.next == most.end:
        return -1
    most.end -= 1
    return most.end


cdef void take_indices(int worker) noexcept nogil:
    """Work until no index is left. Called, and left, with the lock held."""
    cdef Task task = pool.task
    cdef void* context = pool.context
    cdef Py_ssize_t index = take_index(worker)
    while index >= 0:
        pthread_mutex_unlock(&pool.lock)
        task(context, index, worker)
        pthread_mutex_lock(&pool.lock)
        index = take_index(worker)


cdef void* helper(void* unused) noexcept nogil:
    pthread_mutex_lock(&pool.lock)
    while True:
        look_out(&pool.wanted, False)
        while pool.wanted == 0:
            pthread_cond_wait(&pool.job_came, &pool.lock)
        show(&pool.wanted, pool.wanted - 1)
        pool.joined += 1
        show(&pool.working, pool.working + 1)
        take_indices(pool.joined)
        show(&pool.working, pool.working - 1)
        if pool.working == 0:
            pthread_cond_signal(&pool.job_done)
    return NULL


cdef void add_helpers(int needed) noexcept nogil:
    """Start threads until there are `needed`; if the system refuses one, the job runs with fewer."""
    cdef pthread_t* thread
    while pool.helpers < min(needed, <int>MOST):
        thread = &pool.threads[pool.helpers]
        if pthread_create(thread, NULL, helper, NULL) != 0:
            break
        pthread_detach(thread[0])
        show(&pool.helpers, pool.helpers + 1)
        pool.avoided = -1


cdef void keep_off(int core) noexcept nogil:
    """Let the helpers run on every core that the process may use, but for this one."""
    cdef cpu_set_t cores
    cdef int i
    if core == pool.avoided or sched_getaffinity(getpid(), sizeof(cores), &cores) != 0:
        return
    CPU_CLR(core, &cores)
    if CPU_COUNT(&cores) > 0:
        for i in range(pool.helpers):
            pthread_setaffinity_np(pool.threads[i], sizeof(cores), &cores)
    pool.avoided = core


cdef void run(Task task, void* context, Py_ssize_t count, int threads) noexcept nogil:
    cdef Py_ssize_t index
    cdef int worker
    threads = <int>min(<Py_ssize_t>threads, count, <Py_ssize_t>MOST + 1)
    if threads > 1:
        pthread_mutex_lock(&pool.lock)
        if not pool.busy:
            pool.busy = True
            pool.task, pool.context = task, context
            pool.workers = threads
            for worker in range(threads):
                pool.left[worker] = Range(share(count, threads, worker), share(count, threads, worker + 1))
            add_helpers(threads - 1)
            keep_off(sched_getcpu())
            pool.joined = 0
            show(&pool.wanted, min(threads - 1, pool.helpers))
            for _ in range(pool.wanted):
                pthread_cond_signal(&pool.job_came)
            take_indices(0)
            show(&pool.wanted, 0)
            if pool.working > 0:
                look_out(&pool.working, True)
            while pool.working > 0:
                pthread_cond_wait(&pool.job_done, &pool.lock)
            pool.busy = False
            pthread_mutex_unlock(&pool.lock)
            return
        pthread_mutex_unlock(&pool.lock)
    for index in range(count):
        task(context, index, 0)


def helpers() -> int:
    """Return how many helper threads this process has started; they sleep while there is no work."""
    return __atomic_load_n(&pool.helpers, __ATOMIC_RELAXED)


empty_pool()
pthread_atfork(NULL, NULL, empty_pool)
