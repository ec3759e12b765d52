package outbound

import (
	"errors"
	"net/netip"
	"syscall"
)

// ErrPrivate is what a guarded dial fails with.
var ErrPrivate = errors.New("address is not on the public internet")

// refusePrivate is a net.Dialer.Control that lets connections go to public addresses only. It sees the address after DNS resolution,
// so a name that resolves to a private address, now or at the second look-up, gains nothing (server-side request forgery).
func refusePrivate(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !Public(ap.Addr()) {
		return ErrPrivate
	}
	return nil
}

// notPublic are the special-purpose ranges of the IANA registries that netip has no predicate for, and the ones in which an IPv4
// address hides in an IPv6 address.
var notPublic = func() (list []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// Public reports whether a is an address on the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
