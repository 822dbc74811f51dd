// Only what Swift may see: a header that sets feature macros would give glibc's types another shape than in Swift's own module of it.
#pragma once

#include <malloc.h>

// Takes the pages of the program's file that are only read out of the process's memory. Those that are used again come back from the file, which
// the system most likely still has in memory. Any thread may call it at any time.
void weir_unmap_program(void);
