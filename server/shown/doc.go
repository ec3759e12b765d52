// Package shown is how things look from outside: the HTTP API and the command
// line show them alike. Times are in UTC, lists are never null, and nothing
// secret is in any of them.
package shown

import "time"

// List is l, or an empty list.
func List[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// Moment is t, or null.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
