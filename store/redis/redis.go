// Package redis keeps, in a Redis or Valkey that several nodes share, what they may
// lose: sessions that were read from the store, quotas, proofs that were seen, and a
// bell. The truth stays in the store: whatever is lost here, or served from an old
// dump, costs a look-up, a burst or a second, and lets nobody in.
//
// A server that is gone or frozen costs the first to ask it 250 ms. From then on
// everybody is told [ErrAway] at once, until it answers again, which is tried beside
// the requests.
package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// The bounds on a server that does not answer. A connection on which nothing comes
// is asked every keepAlive and given up writeTimeout later, so that one which was cut
// silently is noticed within 0.9 s: writeTimeout + 2 × keepAlive.
const (
	dialTimeout  = 500 * time.Millisecond
	writeTimeout = 500 * time.Millisecond
	keepAlive    = 200 * time.Millisecond
)

// ErrAway means that the server does not answer at the moment.
var ErrAway = errors.New("redis does not answer")

// Everything that is ours begins so.
const prefix = "sallyport:"

// A Config says how to connect. URL is required.
type Config struct {
	URL string       // redis://user:password@host:6379/0, rediss:// for TLS; see [CheckURL]
	Log *slog.Logger // nil = slog.Default()

	// Patience is how long one request waits for one answer, before the server counts
	// as away. 0 = 250 ms.
	Patience time.Duration
}

// A Client shares one server with the other nodes. It is safe for concurrent use.
type Client struct {
	redis rueidis.Client
	log   *slog.Logger
	node  string // what this node is called on the channel

	patience time.Duration

	complained atomic.Int64 // when, in nanoseconds
	breaker
}

// Open connects. A server that does not answer is no error: the client tries again in
// the background, and returns [ErrAway] meanwhile. One that refuses the user name, the
// password or the database is. Errors never contain the password.
func Open(ctx context.Context, c Config) (*Client, error) {
	option, err := c.option()
	if err != nil {
		return nil, err
	}
	r, err := rueidis.NewClient(option)
	if refusal, ok := rueidis.IsRedisErr(err); ok && !passes(refusal) {
		if r != nil {
			r.Close()
		}
		return nil, fmt.Errorf("connecting to Redis: %w", refusal)
	}
	if r == nil {
		return nil, fmt.Errorf("connecting to Redis: %w", err)
	}
	client := &Client{
		redis: r, log: cmp.Or(c.Log, slog.Default()), node: rand.Text(), patience: cmp.Or(c.Patience, 250*time.Millisecond),
	}
	client.breaker.start(ctx, client.ping, client.log)
	if err != nil {
		client.lose(err)
	}
	return client, nil
}

// passes reports whether the server refuses for a reason that goes away by itself.
func passes(refusal *rueidis.RedisError) bool {
	text := refusal.Error()
	return refusal.IsLoading() || strings.HasPrefix(text, "MASTERDOWN") || strings.HasPrefix(text, "BUSY") ||
		strings.Contains(text, "max number of clients")
}

// Close ends all connections. Whatever is asked then fails.
func (c *Client) Close() error {
	c.breaker.stop()
	c.redis.Close()
	return nil
}

func (c *Client) ping(ctx context.Context) error {
	return c.redis.Do(ctx, c.redis.B().Ping().Build()).Error()
}

// CheckURL returns what is wrong with the URL of a server, without the password in
// it: redis://host, with a user name, a password, a port and a database if they are
// needed, and rediss:// for TLS.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil: // it would repeat the password
		return errors.New("the URL of Redis is malformed")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return errors.New("the URL of Redis must begin with redis:// or rediss://")
	case u.Hostname() == "":
		return errors.New("the URL of Redis names no host")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the URL of Redis ends with the number of the database: it has no options")
	}
	if _, err := parse(text); err != nil {
		return errors.New("the URL of Redis must end with the number of a database, such as /0, or with the host")
	}
	return nil
}

func parse(text string) (rueidis.ClientOption, error) {
	return rueidis.ParseURL(strings.TrimSuffix(text, "/"))
}

func (c *Config) option() (rueidis.ClientOption, error) {
	if err := CheckURL(c.URL); err != nil {
		return rueidis.ClientOption{}, err
	}
	o, err := parse(c.URL)
	if err != nil {
		return o, errors.New("the URL of Redis is malformed")
	}
	o.ClientName = "sallyport"
	o.Dialer.Timeout, o.Dialer.KeepAlive, o.ConnWriteTimeout = dialTimeout, keepAlive, writeTimeout
	o.PipelineMultiplex = -1   // one connection for everybody, so that what ping finds out is true for all
	o.ForceSingleClient = true // and so it is returned even if nobody answers
	o.DisableRetry = true      // who asks does something else instead
	o.DisableCache = true      // docs/decisions/0017
	return o, nil
}

// ask sends a command unless the server is known to be away, and waits so long for
// the answer. Who gives up earlier says nothing about the server.
func (c *Client) ask(ctx context.Context, patience time.Duration, send func(context.Context) rueidis.RedisResult) rueidis.RedisResult {
	if c.away() {
		return rueidis.NewErrorResult(ErrAway)
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := send(patient)
	if err := r.NonRedisError(); err != nil && ctx.Err() == nil {
		c.lose(err)
		return rueidis.NewErrorResult(fmt.Errorf("%w: %w", ErrAway, err))
	}
	return r
}

// complain logs an answer that says that something is wrong with the server, such as
// that it is full or a replica, at most once a minute: who asked goes on without it.
func (c *Client) complain(err error) error {
	if _, answered := rueidis.IsRedisErr(err); answered {
		now := time.Now().UnixNano()
		if last := c.complained.Load(); now-last > int64(time.Minute) && c.complained.CompareAndSwap(last, now) {
			c.log.Warn("Redis refuses; each node goes on alone", "err", err)
		}
	}
	return err
}
