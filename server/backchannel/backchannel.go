// Package backchannel tells clients that a session has ended in which they knew somebody
// (OpenID Connect Back-Channel Logout 1.0), so that they sign the person out, too. What
// is to be told is in the outbox, written by whatever ended the session; it is delivered
// from there, at least once, by whichever node comes first.
package backchannel

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/lanes"
)

const (
	maxClients  = 64               // told at once, from one node
	turn        = 10 * time.Second // of a client, before others that wait get theirs
	longestRest = 5 * time.Minute  // of a client that does not answer
	timeout     = outbound.Timeout + time.Second
)

// A Notifier delivers logout tokens. Make one with New; it is safe for concurrent use, and
// to run one on every node.
type Notifier struct {
	c     Config
	lanes *lanes.Runner

	mu    sync.Mutex
	tired map[string]rest // by channel
}

// A rest is how long a client is left alone that has failed. Each message waits for its own
// next attempt; this keeps many of them from being tried one after the other.
type rest struct {
	failures int
	until    time.Time
}

// A Config says what a Notifier needs. Fields up to Pseudonyms are required.
type Config struct {
	Store  account.Store
	Sealer *secret.Sealer
	Issuer string
	// Sign signs a payload as a token of that type.
	Sign func(alg token.Alg, typ string, payload []byte) (string, error)
	// Pseudonyms are what clients with pairwise subjects know people by.
	Pseudonyms *oauth.Pseudonyms

	// Transport to clients; nil = to those on the public internet only.
	Transport http.RoundTripper

	Every time.Duration // between looks for what is due; zero = 1 s
	Log   *slog.Logger  // nil = slog.Default()
}

func (c *Config) every() time.Duration { return cmp.Or(c.Every, time.Second) }
func (c *Config) log() *slog.Logger    { return cmp.Or(c.Log, slog.Default()) }

// New returns a Notifier that delivers nothing before Run.
func New(c Config) *Notifier {
	if c.Transport == nil {
		guarded := outbound.Transport(true)
		guarded.MaxIdleConns = maxClients
		c.Transport = guarded
	}
	n := &Notifier{c: c, tired: map[string]rest{}}
	n.lanes = lanes.New(lanes.Config{Every: c.every(), Most: maxClients, Due: n.due, Serve: n.serve, Failed: n.failed})
	return n
}

// Run delivers what is due until ctx ends. A client that is slow, or does not answer, keeps
// nobody waiting but itself.
func (n *Notifier) Run(ctx context.Context) { n.lanes.Run(ctx) }

// Tell is for [revoke.Follower.Observe]: sessions have perhaps ended.
func (n *Notifier) Tell(p revoke.Progress) {
	for _, e := range p.Entries {
		if e.Effect == revoke.Kill && (e.Kind == revoke.Session || e.Kind == revoke.Subject) {
			n.lanes.Ring()
			return
		}
	}
}

// due returns the channels in which something is due, but for those that rest. Clients that
// answer go first, and then those that have rested longest.
func (n *Notifier) due(ctx context.Context) (due []string, err error) {
	now := time.Now()
	var all []outbox.Channel
	err = n.c.Store.View(ctx, func(tx account.Tx) (err error) { all, err = tx.Outbox.Lanes(ctx, outbox.Clients, now); return err })
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, channel := range all {
		if lane := string(channel); !now.Before(n.tired[lane].until) {
			due = append(due, lane)
		}
	}
	slices.SortStableFunc(due, func(a, b string) int { return n.tired[a].until.Compare(n.tired[b].until) })
	for lane, r := range n.tired { // what has been quiet for that long is not worth remembering
		if now.After(r.until.Add(2 * longestRest)) {
			delete(n.tired, lane)
		}
	}
	return due, err
}

// serve delivers what is due to one client, until nothing is, an attempt fails or the turn
// is over.
func (n *Notifier) serve(ctx context.Context, lane string) error {
	var failed bool
	var mu sync.Mutex
	s := outbox.Sender{
		Channel: outbox.Channel(lane), Sealer: n.c.Sealer, Timeout: timeout, Log: n.c.Log,
		Update: func(ctx context.Context, f func(outbox.Store, audit.Log) error) error {
			return n.c.Store.Update(ctx, func(tx account.Tx) error { return f(tx.Outbox, tx.Audit) })
		},
		Deliver: func(ctx context.Context, m outbox.Message, l outbox.Letter) error {
			err := n.deliver(ctx, m, l)
			mu.Lock()
			defer mu.Unlock()
			failed = failed || mayWork(err)
			return err
		},
	}
	for over := time.Now().Add(turn); ctx.Err() == nil && time.Now().Before(over); {
		sent, err := s.Send(ctx)
		if err != nil {
			return err
		}
		n.note(lane, failed)
		if failed || sent == 0 {
			return nil
		}
	}
	n.lanes.Ring() // there may be more
	return nil
}

// note lets a client rest that has failed, longer each time.
func (n *Notifier) note(lane string, failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !failed {
		delete(n.tired, lane)
		return
	}
	r := n.tired[lane]
	r.failures++
	r.until = time.Now().Add(min(time.Second<<min(r.failures-1, 20), longestRest))
	n.tired[lane] = r
}

func (n *Notifier) failed(ctx context.Context, lane string, err error) {
	n.c.log().ErrorContext(ctx, "telling clients of ended sessions failed", "client", strings.TrimPrefix(lane, string(outbox.Clients)), "err", err)
}
