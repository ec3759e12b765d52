// Package outbox is messages on their way to people, and to clients. A message is written in the
// transaction of what it tells of, so that it is sent if and only if that happened,
// and is sent later by whichever node comes first: never within a request, whose
// time would tell something. Nothing is lost with a node; one that dies in the
// middle of sending leaves a message that may arrive twice, under one id.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Channel is how a message reaches somebody.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
	// Clients is what the channels to clients begin with. Each has its own, so that one
	// that is slow, or does not answer, keeps nobody waiting but itself.
	Clients Channel = "client:"
)

// ToClient returns the channel to a client.
func ToClient(id string) Channel { return Clients + Channel(id) }

// Retention is how long after it expired a message stays in the store, to be
// looked up. What it said is gone as soon as it is done.
const Retention = 7 * 24 * time.Hour

// A Message is what the store keeps of a letter. Times have millisecond precision.
type Message struct {
	ID        string // "msg_…", ordered by time
	Channel   Channel
	Kind      Kind
	Sealed    []byte    // the letter, see [New]; nil once the message is done
	Attempt   int       // how many times somebody has begun to send it
	DueAt     time.Time // nobody begins before
	CreatedAt time.Time
	ExpiresAt time.Time // it is not sent later
	DoneAt    time.Time // zero = it waits
	Problem   string    // why the last attempt failed; "" = it did not
}

// A Letter is what a message says, and to whom.
type Letter struct {
	User   string            `json:"user,omitempty"`   // whom it is about; "" = nobody
	To     string            `json:"to"`               // e-mail address, phone number or client_id
	Locale string            `json:"locale,omitempty"` // BCP 47; "" = the default
	Data   map[string]string `json:"data,omitempty"`   // what the words of the kind leave open
}

const purpose = "outbox"

var ids secret.Sequence // so that messages are in the order in which they were written

// New returns the message that holds the letter sealed, due at once.
func New(s *secret.Sealer, k Kind, l Letter, now time.Time) (Message, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return Message{}, fmt.Errorf("writing letter: %w", err)
	}
	id := ids.Next("msg")
	channel := k.Channel()
	if channel == Clients {
		channel = ToClient(l.To)
	}
	return Message{
		ID: id, Channel: channel, Kind: k, Sealed: s.Seal(purpose, id, plain),
		DueAt: now, CreatedAt: now, ExpiresAt: now.Add(k.lifetime()),
	}, nil
}

// Open returns the letter of a message that is not done.
func (m *Message) Open(s *secret.Sealer) (Letter, error) {
	var l Letter
	plain, err := s.Open(purpose, m.ID, m.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &l)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("opening message %s: %w", m.ID, err)
	}
	return l, nil
}

// A Store keeps messages within one transaction.
type Store interface {
	Add(ctx context.Context, m Message) error
	// Claim returns up to limit messages of the channel that are due, and makes them
	// due again then: until then nobody else gets them. It counts as an attempt. One
	// that expired is returned all the same, for the caller to end.
	Claim(ctx context.Context, c Channel, now, then time.Time, limit int) ([]Message, error)
	// Done ends a message and forgets what it said; problem says why it was not sent,
	// "" = it was. Done and Retry change nothing and return false if the message is
	// gone or done, or if the attempt was not the last: somebody else has it then.
	Done(ctx context.Context, id string, attempt int, now time.Time, problem string) (bool, error)
	// Retry says when to try again, and why.
	Retry(ctx context.Context, id string, attempt int, at time.Time, problem string) (bool, error)
	// Lanes returns the channels that begin so and in which something is due, in order.
	Lanes(ctx context.Context, prefix Channel, now time.Time) ([]Channel, error)
	// Waiting returns messages that are not done, newest first.
	Waiting(ctx context.Context, limit int) ([]Message, error)
}
