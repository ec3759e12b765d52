package limit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A Meter meters clients for several nodes. It must be safe for concurrent use,
// and fail rather than hang.
type Meter interface {
	// Spend takes one unit of a client's, who earns one each interval and may be that
	// far ahead of it. It returns how long the client has to wait if there is none;
	// then nothing is spent.
	Spend(ctx context.Context, client string, interval, ahead time.Duration) (wait time.Duration, err error)
}

// Shared are quotas that several nodes have together. What fails to be metered for
// all nodes is metered by this one alone, which goes on from what it has let
// through itself. All fields are required and must not change after first use.
type Shared struct {
	Quotas *Quotas // of this node
	Meter  Meter
	Key    []byte // hides subjects and addresses from the meter; secret, and the same on all nodes
}

// Spend implements [sallyport.Limiter], as [Quotas.Spend] does.
func (s *Shared) Spend(ctx context.Context, limit string, p *sallyport.Principal, addr netip.Addr) error {
	rate := s.Quotas.rates[limit]
	if rate == nil {
		return s.Quotas.unknown(limit)
	}
	wait, err := s.Meter.Spend(ctx, s.client(limit, p, addr), rate.rule.interval, rate.rule.ahead)
	if err == nil && wait > 0 {
		return rate.refuse(wait)
	}
	alone := s.Quotas.Spend(ctx, limit, p, addr)
	if err == nil {
		return nil
	}
	return alone
}

// client is who asks, and for what, without saying so.
func (s *Shared) client(limit string, p *sallyport.Principal, addr netip.Addr) string {
	h := hmac.New(sha256.New, s.Key)
	h.Write([]byte(limit)) // a name has no 0
	if p != nil && p.Kind != sallyport.Anonymous {
		h.Write([]byte("\x00subject\x00" + p.Subject))
	} else {
		h.Write([]byte("\x00address\x00"))
		h.Write(network(addr))
	}
	return string(h.Sum(nil)[:16])
}
