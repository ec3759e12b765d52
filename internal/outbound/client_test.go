package outbound_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

func TestPublicAddresses(t *testing.T) {
	for _, c := range []struct {
		address string
		public  bool
	}{
		{"93.184.216.34", true}, {"2606:2800:220:1::1", true}, {"1.1.1.1", true}, {"::ffff:1.1.1.1", true},
		{"127.0.0.1", false}, {"127.8.8.8", false}, {"::1", false}, {"::ffff:127.0.0.1", false}, {"::127.0.0.1", false},
		{"10.0.0.1", false}, {"172.16.0.1", false}, {"192.168.1.1", false}, {"fd00::1", false}, {"::ffff:10.0.0.1", false},
		{"169.254.169.254", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"fec0::1", false},
		{"0.0.0.0", false}, {"0.1.2.3", false}, {"::", false}, {"255.255.255.255", false}, {"240.0.0.1", false},
		{"224.0.0.1", false}, {"ff02::1", false}, {"100.64.0.1", false}, {"198.18.0.1", false}, {"192.0.0.192", false},
		{"64:ff9b::a9fe:a9fe", false}, {"2002:7f00:1::", false}, {"2001::1", false}, {"2001:db8::1", false}, {"64:ff9b:1::1", false},
	} {
		if got := outbound.Public(netip.MustParseAddr(c.address)); got != c.public {
			t.Errorf("%s: public = %v", c.address, got)
		}
	}
	if outbound.Public(netip.Addr{}) {
		t.Error("no address is a public address")
	}
}

func TestCheckURL(t *testing.T) {
	for _, c := range []struct {
		name, url string
		anyHTTP   bool
		ok        bool
	}{
		{"https", "https://a.example/events?x=1", false, true},
		{"http on loopback", "http://127.0.0.1:1/x", false, true},
		{"http on IPv6 loopback", "http://[::1]/x", false, true},
		{"http on localhost", "http://localhost/x", false, true},
		{"http elsewhere", "http://a.example/x", false, false},
		{"http elsewhere, if somebody insists", "http://a.example/x", true, true},
		{"a name that begins like loopback", "http://127.0.0.1.a.example/", false, false},
		{"a user", "https://ann:secret@a.example/", false, false},
		{"a fragment", "https://a.example/#x", false, false},
		{"no host", "https:///x", false, false},
		{"a file", "file:///etc/passwd", true, false},
		{"no address", "", true, false},
		{"nonsense", "https://a.example/%zz", true, false},
	} {
		if err := outbound.CheckURL(c.url, c.anyHTTP); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		} else if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", c.name, err)
		}
	}
}

func TestAGuardedTransportReachesNothingPrivate(t *testing.T) {
	reached := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		c := outbound.Client(&http.Client{Transport: outbound.Transport(true)})
		if _, err := c.Get("http://" + host + ":" + port); err == nil || reached {
			t.Errorf("%s: %v, reached %v", host, err, reached)
		} else if host == "127.0.0.1" && !errors.Is(err, outbound.ErrPrivate) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := outbound.Client(&http.Client{Transport: outbound.Transport(false)}).Get(srv.URL); err != nil || !reached {
		t.Errorf("unguarded: %v", err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("followed")
		}
		http.Redirect(w, r, "/there", http.StatusFound)
	}))
	defer srv.Close()
	resp, err := outbound.Client(nil).Get(srv.URL)
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Fatal(err)
	}
	resp.Body.Close()
}
