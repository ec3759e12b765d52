package token

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// A RemoteKeySet is a KeySource that fetches the key set of an issuer and keeps it fresh, without a goroutine of its own: looking up a
// key starts what is due. Issuer or URL is required. It is safe for concurrent use; its fields must not change after the first use.
//
// While the issuer cannot be reached, or answers anything but a valid set, the last good keys go on serving for MaxStale.
type RemoteKeySet struct {
	// Issuer is the issuer whose set is at <Issuer>/.well-known/jwks.json.
	Issuer string
	// URL is the address of the set, if it is elsewhere.
	URL string
	// Client makes the requests. Redirects are never followed and no request takes longer than 5 seconds, whatever it says. If nil,
	// one with its own connections and without a proxy.
	Client *http.Client

	// MinRefresh and MaxRefresh bound what the issuer's cache headers ask for. If zero, 1 minute and 1 hour.
	MinRefresh, MaxRefresh time.Duration
	// MaxStale is for how long keys serve after they were last confirmed. If zero, 24 hours; never less than MaxRefresh.
	MaxStale time.Duration
	// UnknownKeyInterval is the shortest time between two fetches that unknown key ids cause, all together: made-up ids must not
	// become requests to the issuer. If zero, 10 seconds.
	UnknownKeyInterval time.Duration

	// Thumbprints says that the issuer names each key by its thumbprint (RFC 7638), as ours do. A set with a key of another name is no
	// good set, so that no key can take the place of one that is known.
	Thumbprints bool

	// PublicOnly refuses addresses that are not on the public internet, after DNS resolution. Set it if a user gave the address. It
	// cannot be combined with a Client that has a Transport.
	PublicOnly bool
	// InsecureAllowHTTP permits plain http to hosts other than loopback. Whoever is on the way then chooses the keys.
	InsecureAllowHTTP bool
	// Log receives failures to fetch. If nil, slog.Default.
	Log *slog.Logger

	once   sync.Once
	err    error // of the configuration
	url    string
	client *http.Client

	now     atomic.Pointer[fetched] // nil until the first success
	mu      sync.Mutex
	flight  chan struct{} // closed when the fetch under way ends; nil if there is none
	failed  int           // fetches that failed since the last success
	cause   error         // of the last failure
	retryAt time.Time     // no fetch before
	unknown time.Time     // when an unknown key id last caused a fetch
}

// fetched is a set and how long it may be used.
type fetched struct {
	set               *JWKS
	etag              string
	fresh, staleUntil time.Time
	renew             time.Time // before fresh: from here a look-up renews without waiting
}

const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

func orDuration(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

func (r *RemoteKeySet) minRefresh() time.Duration { return orDuration(r.MinRefresh, time.Minute) }
func (r *RemoteKeySet) maxRefresh() time.Duration {
	return max(orDuration(r.MaxRefresh, time.Hour), r.minRefresh())
}
func (r *RemoteKeySet) maxStale() time.Duration {
	return max(orDuration(r.MaxStale, 24*time.Hour), r.maxRefresh())
}
func (r *RemoteKeySet) unknownKeyInterval() time.Duration {
	return orDuration(r.UnknownKeyInterval, 10*time.Second)
}

func (r *RemoteKeySet) log() *slog.Logger {
	if r.Log == nil {
		return slog.Default()
	}
	return r.Log
}

// Key returns the key with this id. It fails with ErrUnknownKey if a set that is current does not have it, and with an
// ErrKeysUnavailable if no good set can be had. It waits for the issuer only when there are no keys yet, when the cached ones have run
// out, or when an unknown id is worth a look.
func (r *RemoteKeySet) Key(ctx context.Context, kid string) (*Key, error) {
	return r.find(ctx, func(s *JWKS) *Key { return s.byID[kid] })
}

// CertifiedBy is Key for the key of a certificate: see [Key.Certifies].
func (r *RemoteKeySet) CertifiedBy(ctx context.Context, c *x509.Certificate) (*Key, error) {
	return r.find(ctx, func(s *JWKS) *Key {
		if i := slices.IndexFunc(s.keys, func(k *Key) bool { return k.Certifies(c) }); i >= 0 {
			return s.keys[i]
		}
		return nil
	})
}

func (r *RemoteKeySet) find(ctx context.Context, in func(*JWKS) *Key) (*Key, error) {
	if r.once.Do(r.prepare); r.err != nil {
		return nil, r.err
	}
	now := time.Now()
	f := r.now.Load()
	if f == nil || !now.Before(f.renew) {
		var err error
		if f, err = r.current(ctx, f, now); err != nil {
			return nil, err
		}
	}
	if k := in(f.set); k != nil {
		return k, nil
	}
	return r.look(ctx, f, in)
}

// current makes sure that the set may be used, fetching it if need be.
func (r *RemoteKeySet) current(ctx context.Context, f *fetched, now time.Time) (*fetched, error) {
	done := r.start(now)
	usable := f != nil && now.Before(f.staleUntil)
	if done != nil && (!usable || !now.Before(f.fresh) && !r.failing()) {
		if err := wait(ctx, done); err != nil {
			return nil, err
		}
		f = r.now.Load()
		usable = f != nil && time.Now().Before(f.staleUntil)
	}
	if !usable {
		return nil, r.unavailable()
	}
	return f, nil
}

// look handles a key that the set does not have: the issuer may have a new key.
func (r *RemoteKeySet) look(ctx context.Context, f *fetched, in func(*JWKS) *Key) (*Key, error) {
	if done := r.startUnknown(f, time.Now()); done != nil {
		if err := wait(ctx, done); err != nil {
			return nil, err
		}
		if k := in(r.now.Load().set); k != nil {
			return k, nil
		}
	}
	if r.failing() {
		return nil, r.unavailable() // perhaps it is a new key: that cannot be told
	}
	return nil, ErrUnknownKey
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeysUnavailable, ctx.Err())
	}
}

func (r *RemoteKeySet) failing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed > 0
}

func (r *RemoteKeySet) unavailable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil {
		return ErrKeysUnavailable
	}
	return fmt.Errorf("%w: %w", ErrKeysUnavailable, r.cause)
}

// start joins the fetch under way or begins one, unless the last failure is too recent; then it returns nil.
func (r *RemoteKeySet) start(now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.startLocked(now)
}

// startUnknown is start within the limit for unknown ids. A set that was replaced since the caller looked is worth a second look.
func (r *RemoteKeySet) startUnknown(seen *fetched, now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.Load() != seen {
		done := make(chan struct{})
		close(done)
		return done
	}
	if r.flight == nil {
		if now.Sub(r.unknown) < r.unknownKeyInterval() {
			return nil
		}
		r.unknown = now
	}
	return r.startLocked(now)
}

func (r *RemoteKeySet) startLocked(now time.Time) <-chan struct{} {
	if r.flight == nil {
		if now.Before(r.retryAt) {
			return nil
		}
		r.flight = make(chan struct{})
		go r.refresh(r.flight)
	}
	return r.flight
}

// refresh fetches once. It has a context of its own: a caller who gives up must not spoil it for the others.
func (r *RemoteKeySet) refresh(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), outbound.Timeout)
	defer cancel()
	f, err := r.fetch(ctx, r.now.Load())
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(done)
	r.flight = nil
	if err != nil {
		r.failed++
		r.cause = err
		r.retryAt = time.Now().Add(backoff(r.failed))
		r.log().LogAttrs(ctx, slog.LevelWarn, "fetching key set failed", slog.String("url", r.url), slog.Int("failures", r.failed), slog.Any("error", err))
		return
	}
	r.failed, r.cause, r.retryAt = 0, nil, time.Time{}
	r.now.Store(f)
}

func backoff(failures int) time.Duration {
	return min(minBackoff<<min(failures-1, 10), maxBackoff)
}

// fetch asks the issuer. If the set has not changed, it is kept and its time prolonged.
func (r *RemoteKeySet) fetch(ctx context.Context, old *fetched) (*fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, fmt.Errorf("requesting key set: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	if old != nil && old.etag != "" {
		req.Header.Set("If-None-Match", old.etag)
	}
	asked := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("requesting key set: %w", err)
	}
	defer resp.Body.Close()
	f := &fetched{etag: resp.Header.Get("ETag")}
	switch {
	case resp.StatusCode == http.StatusOK:
		if f.set, err = r.readSet(resp.Body); err != nil {
			return nil, err
		}
	case resp.StatusCode == http.StatusNotModified && old != nil && old.etag != "":
		f.set, f.etag = old.set, old.etag
	default:
		return nil, fmt.Errorf("requesting key set: status %d", resp.StatusCode)
	}
	life := min(max(maxAge(resp.Header), r.minRefresh()), r.maxRefresh())
	f.renew, f.fresh, f.staleUntil = asked.Add(life*9/10), asked.Add(life), asked.Add(r.maxStale())
	return f, nil
}

func (r *RemoteKeySet) readSet(body io.Reader) (*JWKS, error) {
	data, err := io.ReadAll(io.LimitReader(body, outbound.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading key set: %w", err)
	}
	if len(data) > outbound.MaxBody {
		return nil, errors.New("reading key set: larger than 1 MiB")
	}
	set, err := ParseJWKS(data)
	if err != nil {
		return nil, err
	}
	if set.Len() == 0 {
		return nil, badKey("key set without a key that we can use")
	}
	for _, k := range set.keys {
		if r.Thumbprints && k.id != k.Thumbprint() {
			return nil, badKey("key whose id is not its thumbprint")
		}
	}
	return set, nil
}

// maxAge returns how long an answer may be cached (RFC 9111 §5.2.2, §5.1); if it does not say, JWKSMaxAge.
func maxAge(h http.Header) time.Duration {
	age := JWKSMaxAge
	for _, d := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			age = seconds(strings.Trim(value, `"`))
		}
	}
	return age - seconds(h.Get("Age"))
}

// seconds reads delta-seconds; nonsense is 0, and more than a year is a year.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		n = 1 << 62
	} else if err != nil {
		n = 0
	}
	return time.Duration(min(n, 365*24*3600)) * time.Second
}

// prepare checks the configuration, once.
func (r *RemoteKeySet) prepare() {
	r.url = r.URL
	if r.url == "" && r.Issuer != "" {
		r.url = strings.TrimSuffix(r.Issuer, "/") + "/.well-known/jwks.json"
	}
	if r.err = r.checkURL(); r.err != nil {
		return
	}
	r.client = outbound.Client(r.Client)
	if r.PublicOnly && r.client.Transport != nil {
		r.err = errors.New("token.RemoteKeySet: PublicOnly cannot guard the Transport of Client")
		return
	}
	if r.client.Transport == nil {
		r.client.Transport = outbound.Transport(r.PublicOnly)
	}
}

func (r *RemoteKeySet) checkURL() error {
	if r.url == "" {
		return errors.New("token.RemoteKeySet needs Issuer or URL")
	}
	if err := outbound.CheckURL(r.url, r.InsecureAllowHTTP); err != nil {
		return fmt.Errorf("token.RemoteKeySet: %w", err)
	}
	return nil
}
