// Package events tells a browser, or any other client that is signed in, what
// changes for it: that it was signed out, that its roles changed, that the policy
// did. It says nothing of anybody else, and no more than that there is something to
// be fetched.
//
// The server decides every request anew, so a client that hears nothing shows
// something outdated and can do nothing with it.
package events

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Handler serves the streams below Base. Fill its fields before Mount.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Follower *revoke.Follower     // that the gate's authenticators obey
	Tokens   *token.Authenticator // that knows the tokens which the gate takes
	Streams  *Streams             // that observe Follower

	Heartbeat time.Duration // between comments that keep a quiet connection open; zero = 15 s
	Patience  time.Duration // with a client that reads nothing; zero = 5 s
}

func (h *Handler) heartbeat() time.Duration {
	if h.Heartbeat == 0 {
		return 15 * time.Second
	}
	return h.Heartbeat
}

func (h *Handler) patience() time.Duration {
	if h.Patience == 0 {
		return 5 * time.Second
	}
	return h.Patience
}

// Mount registers the route.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/events", sallyport.SignedIn(), h.serve)
}

// serve answers with a stream. What happened before its first event is for the
// client to read then, and nothing is missed in between: the stream is entered
// among the others before it looks, and everything it is told of is in force.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		begin(w)
		return nil
	}
	look, err := h.look(r)
	if err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	s, err := h.Streams.enter(r.Context(), p, server)
	if err != nil {
		return err
	}
	defer h.Streams.leave(s)
	lease, err := h.Streams.asking(s, look)
	if err != nil {
		return refusal(err)
	}
	h.Streams.hang(s, lease.ids)
	out := &writer{w: w, control: http.NewResponseController(w), patience: h.patience()}
	if out.hello() == nil {
		h.run(s, out, look, lease)
		_ = out.deadline()
	}
	return nil // whatever happened, the answer was given
}
