package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// A Rate is how many requests one client may make.
type Rate struct {
	Requests int           // evenly spread over Per, at least 1
	Per      time.Duration // at least a nanosecond for each request
	Burst    int           // how many at once after a quiet time; 0 = Requests
}

// Quotas meter the requests of every principal, by subject, and of anonymous
// clients, by address: IPv6 by network (/64), all of unknown address as one. They
// are kept in memory of a fixed size, per process, and are gone after a restart;
// [Shared] keeps them for several nodes. Quotas are safe for concurrent use and
// allocate nothing unless they refuse.
type Quotas struct {
	rates map[string]*quota
	cells *cells
	start time.Time
	seeds [2]maphash.Seed // of subjects and of addresses
}

// quota is a Rate in force.
type quota struct {
	name   string
	rule   gcra
	salt   uint64 // keeps one client's cells of different quotas apart
	policy string // RateLimit-Policy
}

// DefaultClients is how many cells quotas have unless told otherwise: 2 MiB.
const DefaultClients = 1 << 17

// NewQuotas returns quotas with a rate for each name, and room for that many
// clients at once, counting a client once for each limit that it has spent of; 0 =
// [DefaultClients]. When there are more, those are forgotten who have spent least.
// Its error lists every name and rate that cannot be. Names are of
// lower-case letters, digits, "-", "_" and ".".
func NewQuotas(rates map[string]Rate, clients int) (*Quotas, error) {
	q := &Quotas{
		rates: make(map[string]*quota, len(rates)),
		cells: newCells(cmp.Or(max(clients, 0), DefaultClients)),
		start: time.Now(),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(rates)) {
		if err := rates[name].check(name); err != nil {
			problems = append(problems, err)
			continue
		}
		q.rates[name] = &quota{
			name: name, rule: rates[name].gcra(),
			salt:   maphash.String(q.seeds[0], "limit "+name),
			policy: rates[name].policy(name),
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return q, nil
}

// Check returns an error that lists every name that is no limit, and the nearest
// that is. Call it at start with the limits that doors name; "" is skipped.
func (q *Quotas) Check(names ...string) error {
	var problems []error
	for _, name := range names {
		if q.rates[name] == nil && name != "" {
			problems = append(problems, q.unknown(name))
		}
	}
	return errors.Join(problems...)
}

func (q *Quotas) unknown(name string) error {
	return fmt.Errorf("there is no limit %.80q%s", name, nearest.Hint(name, maps.Keys(q.rates)))
}

// Spend implements [sallyport.Limiter]. Over quota it returns a 429 problem with
// Retry-After, RateLimit and RateLimit-Policy; a request that is refused costs
// nothing. A limit that does not exist is an error.
func (q *Quotas) Spend(_ context.Context, limit string, p *sallyport.Principal, addr netip.Addr) error {
	rate := q.rates[limit]
	if rate == nil {
		return q.unknown(limit)
	}
	wait := q.cells.spend(q.client(p, addr)^rate.salt, rate.rule, time.Since(q.start))
	if wait > 0 {
		return rate.refuse(wait)
	}
	return nil
}

// client returns the number under which the cells know who asks. It is seeded, so
// that nobody can choose to share somebody else's.
func (q *Quotas) client(p *sallyport.Principal, addr netip.Addr) uint64 {
	if p != nil && p.Kind != sallyport.Anonymous {
		return maphash.String(q.seeds[0], p.Subject)
	}
	if addr = addr.Unmap(); !addr.IsValid() {
		return maphash.Bytes(q.seeds[1], nil)
	}
	b := addr.As16()
	if addr.Is6() {
		return maphash.Bytes(q.seeds[1], b[:8])
	}
	return maphash.Bytes(q.seeds[1], b[:])
}

// refuse writes the fields of draft-ietf-httpapi-ratelimit-headers-11: nothing is
// left (r=0) within the seconds (t) until the next request is earned.
func (q *quota) refuse(wait time.Duration) *sallyport.Problem {
	seconds := strconv.FormatInt(ceil(wait, time.Second), 10)
	h := make(http.Header, 3)
	h.Set("Retry-After", seconds)
	h.Set("RateLimit", `"`+q.name+`";r=0;t=`+seconds)
	h.Set("RateLimit-Policy", q.policy)
	return &sallyport.Problem{
		Status: http.StatusTooManyRequests, Code: "rate_limited", Header: h,
		Detail: "Too many requests. Wait " + seconds + " s before the next one.",
	}
}

func (r Rate) check(name string) error {
	switch {
	case !isName(name):
		return fmt.Errorf(`limit %.80q: a name has 1 to 64 lower-case letters, digits, "-", "_" and "."`, name)
	case r.Requests < 1 || r.Per < time.Duration(r.Requests) || r.Burst < 0:
		return fmt.Errorf("limit %q: %d requests per %v with burst %d make no rate", name, r.Requests, r.Per, r.Burst)
	case float64(r.burst())*float64(r.interval()) > float64(100*365*24*time.Hour):
		return fmt.Errorf("limit %q: it would take a century to earn a burst of %d", name, r.burst())
	}
	return nil
}

func (r Rate) burst() int { return cmp.Or(r.Burst, r.Requests) }

func (r Rate) interval() time.Duration { return time.Duration(ceil(r.Per, time.Duration(r.Requests))) }

func (r Rate) gcra() gcra {
	return gcra{r.interval(), time.Duration(r.burst()-1) * r.interval()}
}

// policy tells how much is allowed in how many whole seconds.
func (r Rate) policy(name string) string {
	window := ceil(r.Per, time.Second)
	requests := int64(float64(r.Requests) * (float64(window) * float64(time.Second) / float64(r.Per)))
	return fmt.Sprintf(`"%s";q=%d;w=%d`, name, requests, window)
}

// ceil returns d in units, rounded up.
func ceil(d, unit time.Duration) int64 {
	n := d / unit
	if d%unit > 0 {
		n++
	}
	return int64(n)
}

// isName reports whether s needs no escaping anywhere it is written.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
