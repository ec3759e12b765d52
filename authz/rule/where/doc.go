// Package where writes what is left of rules as a condition of SQL, so that a list
// holds exactly the objects on which the action is permitted.
//
// A condition of a rule becomes two conditions of SQL: one for the rows of which
// it surely holds, one for those of which it surely does not. Rows with NULL can
// be neither. Both are made of comparisons, AND, OR and IS NULL alone, without NOT
// and CASE, so that a comparison with NULL, which SQL takes for false, never turns
// into true.
//
// Columns must hold what the attribute's accessor returns:
//
//   - text and references: TEXT. On PostgreSQL, a column of another type (citext,
//     uuid, char) or with a collation that is not deterministic must be cast where
//     the attribute's column is named; on SQLite, so must a reference that is
//     declared to ignore case;
//   - integers, times and durations: BIGINT or INTEGER, times and durations in
//     milliseconds;
//   - truth values: BOOLEAN, on SQLite 0 and 1.
//
// Only the column of an attribute that is nullable may be NULL.
package where
