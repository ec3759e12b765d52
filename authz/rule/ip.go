package rule

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// ParseIP reads an address or a range of addresses as Cedar's ip("…") does:
// "10.0.0.0/8" or "::1". An IPv4 address within an IPv6 one has to be written in
// hexadecimal, and zones are refused.
func ParseIP(s string) (sallyport.Value, error) {
	if strings.Count(s, ":") >= 2 && strings.Count(s, ".") >= 2 {
		return sallyport.Value{}, fmt.Errorf("%q is no IP address: write an IPv4 address within an IPv6 one in hexadecimal", s)
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return sallyport.Value{}, fmt.Errorf("%q is no range of IP addresses such as 10.0.0.0/8", s)
		}
		return sallyport.IPValue(&p), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return sallyport.Value{}, fmt.Errorf("%q is no IP address", s)
	}
	p := netip.PrefixFrom(a, a.BitLen())
	return sallyport.IPValue(&p), nil
}

func ipTest(test func(*netip.Prefix) bool) *function {
	return method(func(a, _ sallyport.Value) (sallyport.Value, error) {
		return sallyport.BoolValue(test(a.IP())), nil
	}, sallyport.KindIP)
}

func isIPv4(p *netip.Prefix) bool { return p.Addr().Is4() }
func isIPv6(p *netip.Prefix) bool { return p.Addr().Is6() }

// isLoopback: an IPv4 address within an IPv6 one is an IPv6 address to Cedar,
// though not to netip.
func isLoopback(p *netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Addr().IsLoopback() && p.Bits() >= 8
	}
	return p.Addr() == netip.IPv6Loopback() && p.Bits() == 128
}

func isMulticast(p *netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Addr().IsMulticast() && p.Bits() >= 4
	}
	return p.Addr().As16()[0] == 0xff && p.Bits() >= 8
}

// inRange reports whether all of p is in r.
func inRange(p, r *netip.Prefix) bool {
	return r.Contains(p.Addr()) && r.Bits() <= p.Bits()
}

// ipText writes p as ParseIP reads it.
func ipText(p *netip.Prefix) string {
	var text string
	if a := p.Addr(); a.Is4In6() { // netip would write the IPv4 address in it with dots
		b := a.As16()
		text = fmt.Sprintf("::ffff:%x:%x", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15]))
	} else {
		text = a.String()
	}
	if p.IsSingleIP() {
		return text
	}
	return fmt.Sprintf("%s/%d", text, p.Bits())
}
