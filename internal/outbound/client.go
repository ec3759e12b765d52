// Package outbound is how we send requests to addresses that a user may have given:
// never to a private network, never after a redirect, never for long. One who can
// name an address must not be able to reach through us what only we can reach
// (server-side request forgery).
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	Timeout = 5 * time.Second // of a whole request
	MaxBody = 1 << 20         // bytes of an answer that anybody reads
)

// Transport returns a transport without a proxy and with its own connections.
// guarded, it connects to addresses on the public internet only, whatever a name
// resolves to; otherwise it connects to any.
func Transport(guarded bool) *http.Transport {
	d := &net.Dialer{Timeout: Timeout}
	if guarded {
		d.Control = refusePrivate
	}
	return &http.Transport{
		DialContext: d.DialContext, TLSHandshakeTimeout: Timeout,
		ResponseHeaderTimeout: Timeout, MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		ForceAttemptHTTP2: true,
	}
}

// Client returns a copy of c, or of an empty client if c is nil, that follows no
// redirect, keeps no cookie and gives up after Timeout. A redirect would leave the
// address that was checked behind.
func Client(c *http.Client) *http.Client {
	var out http.Client
	if c != nil {
		out = *c
	}
	out.Jar, out.Timeout = nil, Timeout
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

// Cause says why nobody was reached, without the address.
func Cause(err error) string {
	switch {
	case errors.Is(err, ErrPrivate):
		return ErrPrivate.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return "not reached: " + strings.TrimSpace(err.Error()[strings.LastIndexByte(err.Error(), ':')+1:])
}

// CheckURL reports what keeps address from being one that we send to: it must be
// https with a host, without a user and a fragment. Plain http is for loopback,
// unless anyHTTP allows it to every host.
func CheckURL(address string, anyHTTP bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return fmt.Errorf("the address is malformed: %w", err)
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("the address must have a host, no user and no fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return errors.New("the address must be https")
	case !anyHTTP && !Loopback(u.Hostname()):
		return errors.New("plain http is for loopback only")
	}
	return nil
}

// Loopback reports whether a host is this machine, by an address or as localhost.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
