package feed_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/feed"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// A desk lets in whoever says a name, until they are shown out; "ann" may read the
// feed.
type desk struct{ out atomic.Bool }

func (d *desk) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if d.out.Load() {
		return nil, sallyport.ErrInvalidCredential
	}
	return &sallyport.Principal{Kind: sallyport.User, Subject: c.Value, Credential: "badge"}, nil
}

func (d *desk) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	return sallyport.Decision{Allow: q.Principal.Subject == "ann" && q.Action == feed.Permission}, nil
}

// A node is a log and a server that tells it.
type node struct {
	*testing.T
	*desk
	store    *memory.Store
	follower *revoke.Follower
	feed     *revoke.Feed
	routes   *sallyport.Routes
	url      string
	client   *http.Client
}

var quiet = slog.New(slog.DiscardHandler)

func newNode(t *testing.T, http2 bool) *node {
	n := &node{T: t, desk: new(desk), store: memory.New()}
	read := func(ctx context.Context, f func(revoke.Log) error) error {
		return n.store.View(ctx, func(tx account.Tx) error { return f(tx.Log) })
	}
	var err error
	if n.follower, err = revoke.Follow(t.Context(), revoke.Config{Read: read, Every: 10 * time.Millisecond, Bound: time.Minute, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.follower.Close)
	policy := func() ([]byte, error) { return []byte(`{"policy":"` + strings.Repeat("permit ", 100) + `"}`), nil }
	n.feed, err = revoke.NewFeed(n.follower, revoke.FeedConfig{Read: read, Key: []byte("0123456789abcdef"), Policy: policy, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	gate := &sallyport.Gate{Authenticators: []sallyport.Authenticator{n.desk}, Policy: n.desk, Log: quiet}
	routes := &sallyport.Routes{Gate: gate}
	(&feed.Handler{Base: "/auth", Gate: gate, Feed: n.feed}).Mount(routes)
	n.routes = routes
	s := httptest.NewUnstartedServer(routes)
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	t.Cleanup(n.feed.Close)
	n.url, n.client = s.URL, s.Client()
	n.client.Transport.(*http.Transport).DisableCompression = true // we look at what is sent
	return n
}

// end ends a session, and returns once the feed tells so.
func (n *node) end(session string) {
	n.Helper()
	var p revoke.Position
	err := n.store.Update(n.Context(), func(tx account.Tx) (err error) {
		p, err = tx.Log.Append(n.Context(), revoke.Entry{Effect: revoke.Kill, Kind: revoke.Session, ID: session, ExpiresAt: time.Now().Add(time.Hour)})
		return err
	})
	if err == nil {
		err = n.follower.CatchUp(n.Context(), p)
	}
	if err != nil {
		n.Fatal(err)
	}
}

// do asks with the headers, "Name: value" each. Who reads is ann, unless one says who.
func (n *node) do(method, query string, headers ...string) *http.Response {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), method, n.url+"/auth/revocations"+query, nil)
	if err != nil {
		n.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer ann")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	resp, err := n.client.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A stream is what a reader reads.
type stream struct {
	*testing.T
	sent  *counter
	lines *bufio.Reader
	last  string // the newest id
}

// A counter counts what was read through it.
type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(b []byte) (n int, err error) {
	n, err = c.Reader.Read(b)
	c.n += n
	return n, err
}

func (n *node) stream(query string, headers ...string) *stream {
	n.Helper()
	resp := n.do("GET", query, headers...)
	if resp.StatusCode != 200 {
		n.Fatalf("%s: %d", query, resp.StatusCode)
	}
	sent := &counter{Reader: resp.Body}
	body := io.Reader(sent)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(sent); err != nil {
			n.Fatal(err)
		}
	}
	return &stream{T: n.T, sent: sent, lines: bufio.NewReader(body)}
}

// upTo reads up to the first event of a name, and returns the names of all that were
// read, and its data.
func (s *stream) upTo(want string) (names, data string) {
	s.Helper()
	for name := ""; ; {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.Fatalf("after %q: %v", names, err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			s.last = value
		case "event":
			name, names = value, strings.TrimPrefix(names+" "+value, " ")
		case "data":
			data = value
		case "":
			if name == want {
				return names, data
			}
		default:
			s.Fatalf("line %q", line)
		}
	}
}

func TestAnswers(t *testing.T) {
	n := newNode(t, false)
	n.end("s1")
	for _, tt := range []struct {
		name, method, query string
		headers             []string
		want                int
		text                string
	}{
		{"from the beginning", "GET", "", nil, 200, ""},
		{"a parameter that is empty", "GET", "?cursor=", nil, 200, ""},
		{"a cursor of another log", "GET", "?cursor=another.7.nonce", nil, 200, ""},
		{"nobody", "GET", "", []string{"Authorization: "}, 401, "unauthenticated"},
		{"somebody without the right", "GET", "", []string{"Authorization: Bearer bob"}, 403, "forbidden"},
		{"a cursor that is none", "GET", "?cursor=garbage", nil, 400, "Begin without one"},
		{"a header that is no cursor", "GET", "", []string{"Last-Event-ID: garbage"}, 400, "Begin without one"},
		{"a cursor without a number", "GET", "?cursor=log.x.nonce", nil, 400, "Begin without one"},
		{"a cursor with a negative number", "GET", "?cursor=log.-1.nonce", nil, 400, "Begin without one"},
		{"a cursor with a number that no computer holds", "GET", "?cursor=log.99999999999999999999.nonce", nil, 400, "Begin without one"},
		{"a cursor of 100 KB", "GET", "?cursor=log.1." + strings.Repeat("n", 100<<10), nil, 400, "Begin without one"},
		{"a cursor of bytes that are no text", "GET", "?cursor=%00%ff%0d%0aX:%20y", nil, 400, "Begin without one"},
		{"a parameter that is unknown", "GET", "?from=7", nil, 400, "There is no parameter from"},
		{"one parameter too many", "GET", "?cursor=&limit=1", nil, 400, "There is no parameter limit"},
		{"only the headers", "HEAD", "", nil, 200, ""},
		{"HEAD of a cursor that is none", "HEAD", "?cursor=garbage", nil, 400, ""},
		{"POST", "POST", "", nil, 405, ""},
		{"DELETE", "DELETE", "", nil, 405, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := n.do(tt.method, tt.query, tt.headers...)
			if resp.StatusCode != tt.want {
				t.Errorf("%d, want %d", resp.StatusCode, tt.want)
			}
			if tt.want == 200 {
				return
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(body), tt.text) {
				t.Errorf("%v, no %q in %s", err, tt.text, body)
			}
			if len(body) > 4<<10 {
				t.Errorf("a refusal of %d bytes", len(body))
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	n := newNode(t, false)
	for _, tt := range []struct {
		name, accept string
		packed       bool
	}{
		{"nothing said", "", false},
		{"gzip", "gzip", true},
		{"gzip among others", "br, deflate;q=0.9, gzip;q=0.001", true},
		{"gzip in capitals", "GZIP", true},
		{"gzip with blanks", "br , gzip ; q=1.0", true},
		{"gzip refused", "gzip;q=0", false},
		{"gzip refused precisely", "gzip; q=0.000, br", false},
		{"gzip refused in capitals", "gzip;Q=0", false},
		{"identity", "identity", false},
		{"others", "br, zstd", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{"Accept-Encoding: " + tt.accept}
			for _, method := range []string{"GET", "HEAD"} {
				resp := n.do(method, "", headers...)
				coding := map[bool]string{true: "gzip"}[tt.packed]
				for name, want := range map[string]string{
					"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
					"Vary": "Accept-Encoding", "Content-Encoding": coding, "Content-Length": "",
				} {
					if got := resp.Header.Get(name); got != want {
						t.Errorf("%s: %s: %q, want %q", method, name, got, want)
					}
				}
			}
			// What is compressed is read as it comes, event by event, though the file has no end.
			s := n.stream("", headers...)
			if names, _ := s.upTo("beat"); names != "hello policy reset beat" {
				t.Errorf("events %q", names)
			}
			n.end("s of " + tt.name)
			s.upTo("entries")
		})
	}
}

// Compression is of use: the policy, and a log of blinded names, are sent to many.
func TestCompressionIsSmaller(t *testing.T) {
	n := newNode(t, false)
	size := func(accept string) int {
		s := n.stream("", "Accept-Encoding: "+accept)
		s.upTo("beat")
		return s.sent.n
	}
	if plain, packed := size("identity"), size("gzip"); packed >= plain {
		t.Errorf("%d bytes, and compressed %d", plain, packed)
	}
}

// A HEAD is answered and over, whatever the protocol does with what is written.
func TestHeadOverHTTP2(t *testing.T) {
	n := newNode(t, true)
	resp := n.do("HEAD", "")
	if _, err := io.ReadAll(resp.Body); err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Errorf("HTTP/%d: %d, %v", resp.ProtoMajor, resp.StatusCode, err)
	}
	for deadline := time.Now().Add(time.Minute); n.feed.Streams() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a HEAD goes on as a stream")
		}
	}
	s := n.stream("")
	s.upTo("beat")
	n.end("s1")
	s.upTo("entries")
}

func TestAReaderComesBack(t *testing.T) {
	n := newNode(t, false)
	n.end("s1")
	s := n.stream("")
	s.upTo("beat")
	n.end("s2")
	s.upTo("entries")
	first := s.last
	n.end("s3")
	s.upTo("entries")
	log, _, _ := strings.Cut(first, ".")
	for _, tt := range []struct {
		name, query, header string
		want                string // up to the first beat
	}{
		{"by the parameter", "?cursor=" + url.QueryEscape(first), "", "hello policy entries beat"},
		{"by what an EventSource says", "", first, "hello policy entries beat"},
		{"by both: the parameter counts", "?cursor=" + url.QueryEscape(s.last), first, "hello policy beat"},
		{"an empty parameter counts too", "?cursor=", first, "hello policy reset entries beat"},
		{"with nothing missed", "?cursor=" + url.QueryEscape(s.last), "", "hello policy beat"},
		{"from another log", "?cursor=another.2.nonce", "", "hello policy reset entries beat"},
		{"from the future", "?cursor=" + log + ".1000.nonce", "", "hello policy reset entries beat"},
		{"with another entry at its number", "?cursor=" + log + ".2.nonce", "", "hello policy reset entries beat"},
		{"without a nonce", "?cursor=" + log + ".2.", "", "hello policy reset entries beat"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := n.stream(tt.query, "Last-Event-ID: "+tt.header)
			if names, _ := s.upTo("beat"); names != tt.want {
				t.Errorf("%q, want %q", names, tt.want)
			}
		})
	}
}

// Who is not entitled any more is told no more, within the second in which the next
// beat is due; and no stream is left.
func TestAStreamEndsWithTheRightToIt(t *testing.T) {
	n := newNode(t, false)
	s := n.stream("")
	s.upTo("beat")
	n.out.Store(true)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, s.lines)
		ended <- err
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	if resp := n.do("GET", "?cursor="+url.QueryEscape(s.last)); resp.StatusCode != 401 {
		t.Errorf("coming back: %d", resp.StatusCode)
	}
	for deadline := time.Now().Add(time.Minute); n.feed.Streams() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are left", n.feed.Streams())
		}
	}
}

// pipes is a listener whose connections buffer nothing: who does not read blocks who
// writes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func TestAReaderWhoReadsNothingHoldsUpNobody(t *testing.T) {
	n := newNode(t, false)
	p := make(pipes)
	s := &http.Server{Handler: n.routes, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelDebug)}
	go s.Serve(p)
	t.Cleanup(func() { close(p); s.Close() })
	listen := func() *stream {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close() })
		p <- theirs
		if _, err := io.WriteString(ours, "GET /auth/revocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(ours, 16), nil)
		if err != nil {
			t.Fatal(err)
		}
		return &stream{T: t, lines: bufio.NewReader(resp.Body)}
	}
	const sloths = 3
	for range sloths {
		listen() // and reads no further: the server waits for it in the middle of an event
	}
	quick := listen()
	quick.upTo("beat")
	for i := range 20 {
		n.end(fmt.Sprint("s", i))
		quick.upTo("entries")
	}
	n.stream("").upTo("beat") // and who comes now is not held up either
	// Who takes too long for one event comes back with the cursor that he has.
	for deadline := time.Now().Add(time.Minute); n.feed.Streams() > 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams go on", n.feed.Streams())
		}
		quick.upTo("beat")
	}
}

func TestANodeThatStopsTellsNothing(t *testing.T) {
	n := newNode(t, false)
	s := n.stream("")
	s.upTo("beat")
	n.feed.Close()
	if _, err := io.Copy(io.Discard, s.lines); err != nil {
		t.Errorf("the stream ends in %v", err)
	}
	if resp := n.do("GET", ""); resp.StatusCode != 503 {
		t.Errorf("a stream of a node that stops: %d", resp.StatusCode)
	}
}
