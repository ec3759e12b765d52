package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddr returns the address of the client behind the trusted proxies: the
// last entry of X-Forwarded-For that none of them made up. Without trusted
// proxies it is nil: the header is anybody's to write.
func clientAddr(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	if len(trusted) == 0 {
		return nil
	}
	ours := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return func(r *http.Request) netip.Addr {
		peer, _ := netip.ParseAddrPort(r.RemoteAddr)
		client := peer.Addr().Unmap()
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			if !ours(client) {
				break
			}
			next, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			client = next.Unmap()
		}
		return client
	}
}
