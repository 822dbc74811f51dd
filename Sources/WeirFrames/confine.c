#include "frames.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool limit(int resource, rlim_t most) {
    struct rlimit both = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/// Memory, time, its two descriptors, its own end. Everything else fails with EPERM.
static bool filter_calls(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read), ALLOW(write), ALLOW(brk), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(futex),
        ALLOW(sched_getaffinity), ALLOW(sched_yield), ALLOW(clock_gettime), ALLOW(getrandom), ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask),
        ALLOW(exit), ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool filter_calls(void) { return true; }
#endif

bool confine(void) {
    // Descriptors of the server that were not closed when this program began.
    syscall(__NR_close_range, 3, ~0U, 0);
    // Memory for large pictures with their references; seconds of the processor that no picture needs; nothing that is written to a disk.
    return limit(RLIMIT_AS, 1 << 30) && limit(RLIMIT_CPU, 3600) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0)
        && limit(RLIMIT_NOFILE, 2) && limit(RLIMIT_NPROC, 0) && prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && filter_calls();
}
