package ssf

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Method is how tokens come to the receiver: a URI (SSF 1.0 §6.1).
type Method string

// The methods.
const (
	Push Method = "urn:ietf:rfc:8935"
	Poll Method = "urn:ietf:rfc:8936"
)

// A Status says whether tokens are sent (SSF 1.0 §8.1.2).
type Status string

// The statuses.
const (
	Enabled  Status = "enabled"
	Paused   Status = "paused"   // events wait
	Disabled Status = "disabled" // events are not for this stream
)

// MaxStreams is how many streams a receiver may have; MinVerification how often it
// may ask for a verification of one.
const (
	MaxStreams      = 8
	MinVerification = 30 * time.Second
)

const streamPrefix = "stm"

// NewID returns the id of a new stream, of unreserved characters (RFC 3986 §2.3).
func NewID() string { return secret.NewID(streamPrefix) }

// IsID reports whether s has the form of a stream's id.
func IsID(s string) bool { return secret.IsID(streamPrefix, s) }

// A Stream is what one receiver gets, and how far it has come. Times have
// millisecond precision.
type Stream struct {
	ID            string
	Owner         string // subject of the receiver: the only one who sees the stream
	Method        Method
	Endpoint      string   // where tokens are pushed to; "" = they are polled
	Authorization []byte   // header that goes with a push, sealed; empty = none
	Requested     []string // types of events that were asked for; nil = whatever is supported
	Description   string

	Status Status
	Reason string // of the status; "" = none

	// Cursor is the number of the last signal that needs no telling any more. Acked
	// are numbers past it that were acknowledged all the same, ascending.
	Cursor int64
	Acked  []int64
	// Notices wait to be told, before any signal.
	Notices    []Notice
	VerifiedAt time.Time // when a verification was last asked for

	// Failures is how often in a row a push failed; none is tried before RetryAt.
	// Refused counts the tokens that the receiver would not have; Problem is the last
	// refusal or failure.
	Failures int
	RetryAt  time.Time
	Refused  int64
	Problem  string

	// Lease is the node that pushes, until LeaseUntil or until it gives the stream back.
	Lease      string
	LeaseUntil time.Time

	CreatedAt, UpdatedAt time.Time
}

// Audience is the claim aud of the stream's tokens: its owner, by whom this issuer
// knows the receiver.
func (st *Stream) Audience() string { return st.Owner }

// Delivered returns the events that the stream carries: what was asked for of what
// is supported.
func (st *Stream) Delivered() []string {
	out := []string{}
	for _, e := range Supported {
		if st.Delivers(e) {
			out = append(out, e)
		}
	}
	return out
}

// Delivers reports whether the stream carries events of that type.
func (st *Stream) Delivers(event string) bool {
	return st.Requested == nil || slices.Contains(st.Requested, event)
}

// An InvalidError says which member of a request cannot be, and why.
type InvalidError struct{ Member, Why string }

func (e *InvalidError) Error() string { return e.Member + " " + e.Why }

func invalid(member, format string, args ...any) error {
	return &InvalidError{member, fmt.Sprintf(format, args...)}
}

const (
	maxDescription = 200
	maxRequested   = 64
	maxURL         = 2048
	maxHeader      = 4096
	maxReason      = 200
	maxState       = 1024
)

// CheckRequested reports what keeps the list from being events_requested. Events that
// are not known are no mistake (SSF 1.0 §8.1.1).
func CheckRequested(events []string) error {
	if len(events) > maxRequested {
		return invalid("events_requested", "has more than %d items", maxRequested)
	}
	for _, e := range events {
		if e == "" || len(e) > maxURL || !plain(e) {
			return invalid("events_requested", "must be URIs")
		}
	}
	return nil
}

// CheckDescription reports what keeps s from being a description.
func CheckDescription(s string) error { return checkText("description", s, maxDescription) }

// CheckReason reports what keeps s from being the reason of a status.
func CheckReason(s string) error { return checkText("reason", s, maxReason) }

// CheckState reports what keeps s from being the state of a verification.
func CheckState(s string) error {
	if len(s) > maxState || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return invalid("state", "must be text of at most %d bytes", maxState)
	}
	return nil
}

func checkText(member, s string, most int) error {
	if utf8.RuneCountInString(s) > most || !plain(s) {
		return invalid(member, "must be plain text of at most %d characters", most)
	}
	return nil
}

// plain reports whether s is text without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// CheckEndpoint reports what keeps address from being one that tokens are pushed to.
// It must be https, and not plainly private; what a name resolves to is found out at
// each push. local lifts both, for an installation that is on loopback itself: there,
// http on loopback will do.
func CheckEndpoint(address string, local bool) error {
	if address == "" {
		return invalid("delivery", "by push needs an endpoint_url")
	}
	if err := outbound.CheckURL(address, false); err != nil || len(address) > maxURL || !plain(address) {
		return invalid("endpoint_url", "must be an https URL of at most %d characters, without user and fragment", maxURL)
	}
	u, _ := url.Parse(address) // CheckURL has
	if local {
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	a, err := netip.ParseAddr(host)
	if u.Scheme != "https" || host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && !outbound.Public(a) {
		return invalid("endpoint_url", "must be https, on the public internet")
	}
	return nil
}

// CheckAuthorization reports what keeps s from being an Authorization header
// (RFC 9110 §5.5).
func CheckAuthorization(s string) error {
	if len(s) > maxHeader || strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return invalid("authorization_header", "must be printable ASCII of at most %d characters", maxHeader)
	}
	return nil
}

// ErrNotFound means that there is no such stream, for whoever asks; ErrTooMany that a
// receiver has as many as it may.
var (
	ErrNotFound = errors.New("no such stream")
	ErrTooMany  = errors.New("too many streams")
)
