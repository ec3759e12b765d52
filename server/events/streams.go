package events

import (
	"context"
	"net/http"
	"sync"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Streams are the open streams of a node, found by what they hang on: an entry of
// the log costs what the streams cost that it names. The zero Streams is ready for
// use; its fields must not change afterwards. It is safe for concurrent use.
type Streams struct {
	PerPrincipal int // open at once; zero = 20
	Most         int // open at once; zero = 10,000

	mu      sync.Mutex
	open    map[*stream]struct{}
	named   map[name]map[*stream]struct{}
	count   map[string]int        // by principal
	servers map[*http.Server]bool // on whose shutdown their streams end; true: that has begun
	seats   chan struct{}         // of those that look
	closed  bool
	running sync.WaitGroup
}

// A name is what an entry of the log names.
type name struct {
	kind revoke.Kind
	id   string
}

func namesOf(ids revoke.IDs) []name {
	all := []name{
		{revoke.Token, ids.Token}, {revoke.Session, ids.Session}, {revoke.Grant, ids.Grant}, {revoke.APIKey, ids.APIKey},
		{revoke.Subject, ids.Subject}, {revoke.Client, ids.Client}, {revoke.Org, ids.Org}, {revoke.Key, ids.Key},
	}
	used := all[:0]
	for _, n := range all {
		if n.id != "" {
			used = append(used, n)
		}
	}
	return used
}

var (
	errTooMany = &sallyport.Problem{
		Status: http.StatusTooManyRequests, Code: "rate_limited", Detail: "You have too many streams open. Close one first.",
		Header: http.Header{"Retry-After": {"60"}},
	}
	errFull = &sallyport.Problem{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "No more streams can be opened right now. Try again later.",
		Header: http.Header{"Retry-After": {"30"}},
	}
)

// enter adds a stream of p, which until hang hangs on what p says. It ends with ctx,
// with the server that it came by, or with Close.
func (st *Streams) enter(ctx context.Context, p *sallyport.Principal, server *http.Server) (*stream, error) {
	who := p.Kind.String() + " " + p.Subject
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.closed || st.servers[server]:
		return nil, errFull
	case st.count[who] >= orElse(st.PerPrincipal, 20):
		return nil, errTooMany
	case len(st.open) >= orElse(st.Most, 10_000):
		return nil, errFull
	}
	if st.open == nil {
		st.open, st.named = make(map[*stream]struct{}), make(map[name]map[*stream]struct{})
		st.seats = make(chan struct{}, seats)
		st.count, st.servers = make(map[string]int), make(map[*http.Server]bool)
	}
	s := &stream{who: who, server: server, bell: make(chan struct{}, 1)}
	s.ctx, s.end = context.WithCancel(ctx)
	st.open[s] = struct{}{}
	st.count[who]++
	st.running.Add(1)
	st.rename(s, revoke.IDs{Session: p.Session, Grant: p.Grant, Subject: p.Subject, Org: p.Org})
	st.attend(server)
	return s, nil
}

// seats is how many streams look at their credentials at once. When everybody must,
// the store has others to serve, too.
const seats = 8

// asking looks, once it is the stream's turn.
func (st *Streams) asking(s *stream, look look) (lease, error) {
	select {
	case st.seats <- struct{}{}:
		defer func() { <-st.seats }()
		return look(s.ctx)
	case <-s.ctx.Done():
		return lease{}, s.ctx.Err()
	}
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// attend has the streams of a server end when it shuts down, which waits for them.
// mu is held.
func (st *Streams) attend(server *http.Server) {
	if _, known := st.servers[server]; known || server == nil {
		return
	}
	st.servers[server] = false
	server.RegisterOnShutdown(func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.servers[server] = true
		for s := range st.open {
			if s.server == server {
				s.end()
			}
		}
	})
}

// leave removes a stream.
func (st *Streams) leave(s *stream) {
	s.end()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.rename(s, revoke.IDs{})
	delete(st.open, s)
	if st.count[s.who]--; st.count[s.who] == 0 {
		delete(st.count, s.who)
	}
	st.running.Done()
}

// hang says what a stream hangs on from now on.
func (st *Streams) hang(s *stream, ids revoke.IDs) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.ids != ids {
		st.rename(s, ids)
	}
}

// rename moves a stream in the index. mu is held.
func (st *Streams) rename(s *stream, ids revoke.IDs) {
	for _, n := range namesOf(s.ids) {
		delete(st.named[n], s)
		if len(st.named[n]) == 0 {
			delete(st.named, n)
		}
	}
	s.ids = ids
	for _, n := range namesOf(ids) {
		if st.named[n] == nil {
			st.named[n] = make(map[*stream]struct{})
		}
		st.named[n][s] = struct{}{}
	}
}

// take returns what a stream has been told since it was asked last.
func (st *Streams) take(s *stream) news {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := s.told
	s.told = 0
	return n
}

// Tell wakes the streams that progress of the log is about: observe the follower
// with it. It never waits for a client.
func (st *Streams) Tell(p revoke.Progress) {
	if !p.Reset && len(p.Entries) == 0 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if p.Reset {
		st.wake(st.open, doubt|roles|policy)
	}
	for _, e := range p.Entries {
		n, everybody := newsOf(&e)
		if everybody {
			st.wake(st.open, n)
			continue
		}
		st.wake(st.named[name{e.Kind, e.ID}], n)
	}
}

func (st *Streams) wake(streams map[*stream]struct{}, n news) {
	if n == 0 {
		return
	}
	for s := range streams {
		s.told |= n
		select {
		case s.bell <- struct{}{}:
		default: // it has not doubt since it was woken
		}
	}
}

// Close ends all streams, and keeps others from beginning. It returns once they have
// ended, which a client that reads nothing delays by the handler's patience.
func (st *Streams) Close() {
	st.mu.Lock()
	st.closed = true
	for s := range st.open {
		s.end()
	}
	st.mu.Unlock()
	st.running.Wait()
}
