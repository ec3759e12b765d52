package transmitter_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/transmitter"
	"github.com/sallyport-auth/sallyport/ssf"
)

func request(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// refused fails unless the error is one that a receiver is told.
func refused(t *testing.T, err error, body string) {
	t.Helper()
	if _, ok := errors.AsType[*sallyport.Problem](exchange.Problem(err)); !ok && len(body) <= exchange.MaxBody {
		t.Fatalf("not a problem: %v", err)
	}
}

// FuzzConfiguration: whatever is asked for, a stream pushes to https on the internet or
// is polled, and all of it is text that can be stored and sent.
func FuzzConfiguration(f *testing.F) {
	for _, s := range []string{
		`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://a.example/x","authorization_header":"Bearer x"},"events_requested":["urn:x"],"description":"d"}`,
		`{"stream_id":"stm_1","aud":"usr_1","events_delivered":[]}`, `{"delivery":{"method":"urn:ietf:rfc:8936"}}`, `{}`, `[]`, `{"delivery":null}`,
		`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://127.1/x"}}`, `{"description":"\ud800"}`,
	} {
		f.Add(s)
	}
	sealer, err := secret.New(secret.NewKey())
	if err != nil {
		f.Fatal(err)
	}
	h := &transmitter.Handler{Base: "/auth", Issuer: "https://id.example", Transmitter: transmitter.New(transmitter.Config{Sealer: sealer, Issuer: "https://id.example"})}
	f.Fuzz(func(t *testing.T, body string) {
		st, err := h.Configured(httptest.NewRecorder(), request(body))
		if err != nil {
			refused(t, err, body)
			return
		}
		if st.Method == ssf.Push {
			if u, err := url.Parse(st.Endpoint); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
				t.Fatalf("pushes to %q", st.Endpoint)
			}
			if _, err := http.NewRequest("POST", st.Endpoint, nil); err != nil {
				t.Fatalf("cannot push to %q: %v", st.Endpoint, err)
			}
		} else if st.Endpoint != "" || st.Authorization != nil {
			t.Fatalf("%+v", st)
		}
		for _, s := range append(st.Requested, st.Description, st.Endpoint) {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n") {
				t.Fatalf("read %q", s)
			}
		}
	})
}

// FuzzPoll: what is asked for is bounded.
func FuzzPoll(f *testing.F) {
	for _, s := range []string{
		`{"maxEvents":1,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_key","description":"x"}}}`,
		`{"maxEvents":-1}`, `{"maxEvents":1e9}`, `{"maxEvents":null}`, `{"ack":[1]}`, `{"setErrs":{"a":null}}`, ``, `null`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		most, settled, err := transmitter.Polled(httptest.NewRecorder(), request(body))
		if err != nil {
			refused(t, err, body)
			return
		}
		if most < 0 || most > 100 || settled > 2000 {
			t.Fatalf("%d tokens, %d settled", most, settled)
		}
	})
}
