package events_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/events"
)

// A desk lets in whoever says a name, until they are shown out.
type desk struct {
	out  atomic.Bool
	down atomic.Bool
}

func (d *desk) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	switch {
	case d.down.Load():
		return nil, errors.New("the desk is closed")
	case d.out.Load():
		return nil, sallyport.ErrInvalidCredential
	}
	return &sallyport.Principal{Kind: sallyport.User, Subject: c.Value, Org: "org_1", Credential: "badge"}, nil
}

// pipes is a listener whose connections buffer nothing: who does not read blocks who
// writes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// A room is a server with streams, in memory.
type room struct {
	*testing.T
	*desk
	streams *events.Streams
	handler *events.Handler
	server  *http.Server
	pipes   *pipes
}

func newRoom(t *testing.T) *room {
	r := &room{T: t, desk: new(desk), streams: new(events.Streams), pipes: &pipes{make(chan net.Conn), make(chan struct{})}}
	quiet := slog.New(slog.DiscardHandler)
	gate := &sallyport.Gate{Authenticators: []sallyport.Authenticator{r.desk}, Log: quiet}
	r.handler = &events.Handler{Base: "/auth", Gate: gate, Streams: r.streams}
	routes := &sallyport.Routes{Gate: gate}
	r.handler.Mount(routes)
	r.server = &http.Server{Handler: routes, WriteTimeout: time.Second, ReadTimeout: time.Second, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelDebug)}
	go r.server.Serve(r.pipes)
	t.Cleanup(func() { r.server.Close() })
	return r
}

// listen opens a stream and reads its first event.
func (r *room) listen(name string) (*bufio.Reader, net.Conn) {
	r.Helper()
	ours, theirs := net.Pipe()
	r.Cleanup(func() { ours.Close() })
	r.pipes.conns <- theirs
	if _, err := ours.Write([]byte("GET /auth/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + name + "\r\n\r\n")); err != nil {
		r.Fatal(err)
	}
	lines := bufio.NewReader(ours)
	if got := upTo(r.T, lines, "data: {}"); !strings.HasPrefix(got, "HTTP/1.1 200 OK") || !strings.Contains(got, "event: hello") {
		r.Fatalf("%q", got)
	}
	return lines, ours
}

// upTo reads lines until one is that, and "" at the end.
func upTo(t *testing.T, from *bufio.Reader, last string) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := from.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return "end after " + b.String()
		}
		if strings.TrimSpace(line) == last {
			return b.String()
		}
	}
}

var aPolicy = told(revoke.Notice, revoke.Policy, "")

func TestAReaderWhoReadsNothingBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		r.listen("sloth")
		quick, _ := r.listen("ann")
		for range 1000 {
			r.streams.Tell(aPolicy) // returns at once, or the test hangs
		}
		if got := upTo(t, quick, "data: {}"); !strings.Contains(got, "event: policy") {
			t.Errorf("the quick one reads %q", got)
		}
		began := time.Now()
		r.streams.Close() // waits for the slow one to be given up
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("closing took %v", waited)
		}
	})
}

func TestAQuietStreamStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		lines, _ := r.listen("ann")
		began := time.Now()
		for i := range 20 { // for five minutes, past every limit of the server
			if got := upTo(t, lines, ":"); strings.Contains(got, "event") || strings.HasPrefix(got, "end") {
				t.Fatalf("%q", got)
			}
			if at := time.Since(began); at != time.Duration(i+1)*15*time.Second {
				t.Errorf("heartbeat after %v", at)
			}
		}
		r.streams.Tell(aPolicy)
		if got := upTo(t, lines, "data: {}"); !strings.Contains(got, "event: policy") {
			t.Errorf("%q", got)
		}
	})
}

// TestACredentialOfTheProgramsOwn: its gate is asked, and what it answers is not
// called a sign-out.
func TestACredentialOfTheProgramsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		lines, _ := r.listen("ann")
		r.streams.Tell(told(revoke.Kill, revoke.Subject, "ann"))
		if got := upTo(t, lines, "data: {}"); !strings.Contains(got, "event: roles") {
			t.Errorf("still let in: %q", got)
		}
		r.down.Store(true)
		r.streams.Tell(told(revoke.Kill, revoke.Org, "org_1"))
		time.Sleep(10 * time.Second) // nobody can tell: the stream waits
		r.down.Store(false)
		if got := upTo(t, lines, "data: {}"); !strings.Contains(got, "event: roles") {
			t.Errorf("when somebody can tell again: %q", got)
		}
		r.out.Store(true)
		r.streams.Tell(told(revoke.Kill, revoke.Subject, "ann"))
		if got := upTo(t, lines, "data: {}"); !strings.HasPrefix(got, "end") || strings.Contains(got, "event") {
			t.Errorf("let in no more: %q", got)
		}
	})
}

func TestWhoGoesAwayLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		for range 20 {
			_, conn := r.listen("ann")
			conn.Close()
		}
		synctest.Wait()
		if !r.streams.Empty() {
			t.Error("something is left")
		}
	})
}

func TestTheServerShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		other := newRoom(t)
		other.streams.Close()
		lines, _ := r.listen("ann")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ended := make(chan string, 1)
		go func() { ended <- upTo(t, lines, "data: {}") }()
		if err := r.server.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		if got := <-ended; !strings.HasPrefix(got, "end") {
			t.Errorf("%q", got)
		}
	})
}
