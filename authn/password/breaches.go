package password

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// ErrUnasked means that the service which knows the breached passwords did not say whether it knows one.
var ErrUnasked = errors.New("breached passwords cannot be looked up now")

// Breaches asks a service whether a password became known by a breach, without telling it the password: it names the first five of the 40
// digits of the SHA-1 and gets all that begin so (k-anonymity). The answer is padded, so that its length tells nothing. It is safe for
// concurrent use. A nil Breaches asks nobody and knows no password.
type Breaches struct {
	// URL is that of a range, without the five digits at its end, such as "https://api.pwnedpasswords.com/range/".
	URL string
	// Closed refuses every new password while the service does not answer. Otherwise it is as if the service did not know it.
	Closed bool
	// Timeout is for one question: if zero, 2 seconds.
	Timeout time.Duration
	// Client sends the questions; nil = one that reaches addresses on the public internet only, or loopback if URL is.
	Client *http.Client

	mu     sync.Mutex
	known  map[string]*breachRange
	behind int // how many look something up that nobody waits for
}

// A breachRange is what the service said of one beginning.
type breachRange struct {
	suffixes string // one a line, in upper case
	until    time.Time
}

// How many ranges are remembered, and how long. One takes about 40 KiB.
const (
	maxRanges  = 64
	rangeLives = time.Hour
)

// Known reports whether the password is known. [ErrUnasked] says that nobody knows: the caller refuses if Closed.
func (b *Breaches) Known(ctx context.Context, password string) (bool, error) {
	if b == nil || b.URL == "" {
		return false, nil
	}
	sum := sha1.Sum([]byte(password))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	prefix, suffix := digits[:5], digits[5:]
	suffixes, ok := b.remembered(prefix)
	if !ok {
		var err error
		if suffixes, err = b.ask(ctx, prefix); err != nil {
			return false, fmt.Errorf("%w: %w", ErrUnasked, err)
		}
		b.remember(prefix, suffixes)
	}
	return strings.Contains(suffixes, "\n"+suffix+"\n"), nil
}

// maxBehind is how many passwords are looked up at once that nobody waits for.
const maxBehind = 8

// Begin takes one of the few places for looking something up that nobody waits for, until done is called. Without one, leave it for the
// next time.
func (b *Breaches) Begin() (done func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.behind == maxBehind {
		return nil, false
	}
	b.behind++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.behind--
	}, true
}

func (b *Breaches) remembered(prefix string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.known[prefix]
	if r == nil || time.Now().After(r.until) {
		return "", false
	}
	return r.suffixes, true
}

// remember forgets some other range if there are too many: which one does not matter.
func (b *Breaches) remember(prefix, suffixes string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[string]*breachRange{}
	}
	for other := range b.known {
		if len(b.known) < maxRanges {
			break
		}
		delete(b.known, other)
	}
	b.known[prefix] = &breachRange{suffixes, time.Now().Add(rangeLives)}
}

func (b *Breaches) ask(ctx context.Context, prefix string) (string, error) {
	timeout := b.Timeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+prefix, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Add-Padding", "true")
	r.Header.Set("User-Agent", "sallyport")
	resp, err := b.client(r.URL.Hostname()).Do(r)
	if err != nil {
		return "", errors.Unwrap(err) // without the URL: it names five digits
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the service answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, outbound.MaxBody+1))
	switch {
	case err != nil:
		return "", err
	case len(body) > outbound.MaxBody:
		return "", fmt.Errorf("the service answered more than %d bytes", outbound.MaxBody)
	}
	return parseRange(string(body))
}

func (b *Breaches) client(host string) *http.Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Client == nil {
		b.Client = outbound.Client(&http.Client{Transport: outbound.Transport(!outbound.Loopback(host))})
	}
	return b.Client
}

// parseRange reads lines of 35 digits, a colon and a count. Those that count nothing are padding.
func parseRange(body string) (string, error) {
	var out strings.Builder
	out.WriteByte('\n')
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		suffix, count, ok := strings.Cut(line, ":")
		if !ok || len(suffix) != 35 || strings.Trim(suffix, "0123456789ABCDEFabcdef") != "" || count == "" || len(count) > 12 || strings.Trim(count, "0123456789") != "" {
			return "", errors.New("the service answered something else than a range")
		}
		if strings.Trim(count, "0") != "" {
			out.WriteString(strings.ToUpper(suffix) + "\n")
		}
	}
	if out.Len() == 1 {
		return "", errors.New("the service answered an empty range")
	}
	return out.String(), nil
}
