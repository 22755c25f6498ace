"""Tells where a program touches memory that it must not, and ends it: for kernels that a learner writes.

`report_to(fd)` lets a fault write one line, `fault ADDRESS KIND`, before the process ends: the address in hexadecimal,
and "reads", "writes", or "touches" where this CPU does not say which.
"""

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <signal.h>
    #include <stdio.h>
    #include <string.h>
    #include <unistd.h>
    #if defined(__linux__)
    #include <ucontext.h>
    #endif

    static int fault_fd = -1;

    static void on_fault(int number, siginfo_t *info, void *context)
    {
        const char *kind = "touches";
    #if defined(__linux__) && defined(__x86_64__)
        const int of_page_fault = 19;                                           /* REG_ERR; its bit 1 says: a write */
        kind = ((ucontext_t *)context)->uc_mcontext.gregs[of_page_fault] & 2 ? "writes" : "reads";
    #endif
        dprintf(fault_fd, "fault %zx %s\\n", (size_t)info->si_addr, kind);
        _exit(128 + number);
    }

    static int report_faults(int fd)
    {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO;
        fault_fd = fd;
        return sigaction(SIGSEGV, &action, 0) | sigaction(SIGBUS, &action, 0);
    }
    """
    int report_faults(int fd)


def report_to(int fd) -> None:
    """Let the next fault of this process write its line to an open file, and end the process."""
    if report_faults(fd):
        raise OSError("no handler could be installed for faults")
