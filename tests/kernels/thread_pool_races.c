/* The thread pool under ThreadSanitizer: callers that compete for it, short jobs, jobs within jobs, forks meanwhile.
 * It includes what Cython makes of kernels/thread_pool.pyx, of which nothing that is called here needs Python. The
 * sanitizer looks away in a forked child, so there only the results count. */
#include "thread_pool.c"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define run __pyx_f_7kernels_11thread_pool_run
#define empty_pool __pyx_f_7kernels_11thread_pool_empty_pool

enum { CALLERS = 3, JOBS = 5000, THREADS = 4, MOST_INDICES = 9, FORKS = 20, CHILDS_JOBS = 20 };
enum { LONG_TASK = 300 };       /* microseconds: all helpers join, and who waits for them stops looking out (LOOKOUT) */

/* Plain numbers: two workers at one index, two indices of one worker at a time, or a worker not done when the job
 * is, are races. */
typedef struct {
    int depth;                  /* jobs within this one's tasks, and within theirs */
    int microseconds;           /* of each task */
    int done[MOST_INDICES];
    int scratch[THREADS];
} Job;

static void start(int depth, int microseconds, int count, int threads);

static void work(void *context, Py_ssize_t index, int worker)
{
    Job *job = context;
    job->scratch[worker]++;
    job->done[index]++;
    if (job->microseconds) usleep(job->microseconds);
    if (job->depth) start(job->depth - 1, 0, 3, 2);
}

static void start(int depth, int microseconds, int count, int threads)
{
    Job job = {depth, microseconds, {0}, {0}};
    int tasks = 0;
    run(work, &job, count, threads);
    for (int i = 0; i < MOST_INDICES; i++)
        if (job.done[i] != (i < count)) abort();
    for (int i = 0; i < THREADS; i++) tasks += job.scratch[i];
    if (tasks != count) abort();
}

static void *call(void *jobs)
{
    for (int i = 0; i < *(int *)jobs; i++)
        start(i % 3 == 0, i % 11 ? 0 : LONG_TASK, i % (MOST_INDICES + 1), 1 + i % THREADS);
    return NULL;
}

/* ThreadSanitizer knows threads by their addresses, and keeps the parent's: those of a child must lie elsewhere. */
static void use_other_stacks(void)
{
    pthread_attr_t larger;
    pthread_attr_init(&larger);
    pthread_attr_setstacksize(&larger, (size_t)16 << 20);
    pthread_setattr_default_np(&larger);
}

int main(void)
{
    pthread_t callers[CALLERS];
    int jobs = JOBS, childs_jobs = CHILDS_JOBS;
    alarm(300);                 /* nobody waits that long, but for a lock that is never given back */
    empty_pool();
    pthread_atfork(NULL, NULL, empty_pool);
    for (int i = 0; i < CALLERS; i++)
        if (pthread_create(&callers[i], NULL, call, &jobs)) abort();
    for (int i = 0; i < FORKS; i++) {
        int status;
        const pid_t child = fork();
        if (child == 0) {
            alarm(300);
            use_other_stacks();
            call(&childs_jobs);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) abort();
    }
    for (int i = 0; i < CALLERS; i++) pthread_join(callers[i], NULL);
    printf("%d callers, %d jobs each, %d forks: no race\n", CALLERS, JOBS, FORKS);
    return 0;
}
