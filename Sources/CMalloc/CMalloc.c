#define _GNU_SOURCE
#include "CMalloc.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

// Called for the program itself before its libraries, and ends there.
static int unmap_read_pages(struct dl_phdr_info *program, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)getpagesize() - 1;
    for (int index = 0; index < program->dlpi_phnum; index++) {
        const ElfW(Phdr) *part = &program->dlpi_phdr[index];
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        uintptr_t start = (program->dlpi_addr + part->p_vaddr) & ~page;
        uintptr_t end = (program->dlpi_addr + part->p_vaddr + part->p_memsz + page) & ~page;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1;
}

void weir_unmap_program(void) { dl_iterate_phdr(unmap_read_pages, 0); }
