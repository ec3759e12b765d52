// Package limit slows down whoever asks too often. [SignIn] counts failed
// sign-ins per name, per address and per pair of both, in a [Store], so that a
// restart forgets nothing. [Quotas] meters requests in memory, for doors that
// name a limit.
package limit
