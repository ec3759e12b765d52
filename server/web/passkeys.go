package web

import "time"

// Passkeys is what the page of a person's passkeys shows, and the one that makes one.
type Passkeys struct {
	Items  []Passkey
	Ticket bool // it is for a sign-in, which ends with it

	// What devices are told, so that they stop to offer what was removed: whose they
	// are, and which there are. Handle is empty if that cannot be said.
	RP, Handle, IDs string
}

// A Passkey is one line of it.
type Passkey struct {
	ID, Name   string
	Synced     bool
	CreatedAt  time.Time
	LastUsedAt time.Time // zero = never
}

// An UnknownPasskey is one that nobody has here: the page tells the device, which may
// stop to offer it.
type UnknownPasskey struct{ RP, ID string }
