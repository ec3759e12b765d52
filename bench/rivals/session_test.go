//go:build linux

package rivals

import (
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// handmade are sessions as many programs keep them: in a map, until they expire. Nothing is stored and nobody is told when one ends.
type handmade struct {
	mu       sync.RWMutex
	sessions map[string]handmadeSession // by the cookie
}

type handmadeSession struct {
	who
	expires time.Time
}

func (h *handmade) session(cookie string) (who, bool) {
	h.mu.RLock()
	s, ok := h.sessions[cookie]
	h.mu.RUnlock()
	return s.who, ok && time.Now().Before(s.expires)
}

// mapSessions is a server with one session, whose routes ask c.
func mapSessions(c check) (http.Handler, credentials, error) {
	cookie := secret.NewToken()
	h := &handmade{sessions: map[string]handmadeSession{cookie: {who{"usr_1", []string{"member"}}, time.Now().Add(24 * time.Hour)}}}
	mux := guardedRoutes(c)
	guarded := func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("session")
		if err != nil {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		by, ok := h.session(c.Value)
		if !ok {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		asked(mux, w, r, by)
	}
	return http.HandlerFunc(guarded), credentials{"session": {"Cookie": {"session=" + cookie}}}, nil
}
