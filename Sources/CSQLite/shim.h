#pragma once
#include <sqlite3.h>

/// SQLITE_TRANSIENT is a cast of -1 to a function pointer, which Swift cannot import. A null pointer would bind NULL: it stands for
/// the empty text here.
static inline int weir_sqlite3_bind_text(sqlite3_stmt *statement, int index, const unsigned char *text, sqlite3_uint64 length) {
    return sqlite3_bind_text64(statement, index, text ? (const char *)text : "", length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// sqlite3_config takes variable arguments, which Swift cannot call. Without its memory statistics SQLite needs no process-wide
/// mutex for each allocation. Takes effect only before the library's first use in the process.
static inline int weir_sqlite3_disable_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
