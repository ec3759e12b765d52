package oauth

import (
	"context"
	"time"
)

// A DeviceCode is a request of a device on which nobody can type a password (RFC 8628):
// the device asks for tokens by one code, and a person answers by the other, which they
// read there. Times have millisecond precision.
type DeviceCode struct {
	ID        string // "dvc_…"
	Hash      []byte // SHA-256 of the device code
	UserMAC   []byte // of the code that people type
	Client    string
	Scope     []string
	Resources []string
	Address   string // of the device
	Agent     string // as it names itself

	State    DeviceState
	Grant    string // that came of it; "" = none yet
	Interval time.Duration
	PolledAt time.Time

	CreatedAt time.Time
	ExpiresAt time.Time
}

// A DeviceState is what has become of a request.
type DeviceState string

// The states.
const (
	Pending  DeviceState = "pending"
	Approved DeviceState = "approved"
	Denied   DeviceState = "denied"
)

const (
	// DeviceLife is how long a person has to type the code.
	DeviceLife = 10 * time.Minute
	// DeviceInterval is how often a device may ask, at first; each time that it asks too
	// soon adds as much (RFC 8628 §3.5).
	DeviceInterval = 5 * time.Second
)

// DeviceCodes keeps them within one transaction. ErrNoGrant if there is none.
type DeviceCodes interface {
	Create(ctx context.Context, d DeviceCode) error // fails if the id or one of the codes is known
	ByHash(ctx context.Context, hash []byte) (DeviceCode, error)
	ByUserCode(ctx context.Context, mac []byte) (DeviceCode, error)
	// Decide writes what somebody has answered, if nobody has yet: true for exactly one.
	Decide(ctx context.Context, id string, s DeviceState, grant string) (bool, error)
	// Polled notes that the device has asked.
	Polled(ctx context.Context, id string, at time.Time, interval time.Duration) error
	// Remove reports whether it was there: true for exactly one, who gets the tokens.
	Remove(ctx context.Context, id string) (bool, error)
}
