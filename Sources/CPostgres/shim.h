#pragma once
#include <libpq-fe.h>

// libpq names the fields of an error by character macros, which Swift does not import.
static const int PGFieldSeverity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int PGFieldSQLState = PG_DIAG_SQLSTATE;
static const int PGFieldPrimaryMessage = PG_DIAG_MESSAGE_PRIMARY;
static const int PGFieldConstraintName = PG_DIAG_CONSTRAINT_NAME;
static const int PGFieldSourceFunction = PG_DIAG_SOURCE_FUNCTION;
