// Package setup makes the first administrator, by a link that is shown once to
// whoever starts the server. There is no default password.
package setup

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// Lifetime is how long after its making the link works.
const Lifetime = 30 * time.Minute

// A Handler serves the flow below Base. Its code lives in memory only, hashed.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Answer   *entry.Answer
	Pages    *web.Pages

	mu      sync.Mutex
	hash    []byte
	expires time.Time
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/setup/{code}", sallyport.Public(), h.show)
	rt.Func("POST "+h.Base+"/setup/{code}", sallyport.Public(), h.create)
}

// Link makes a new link, in place of any before, and returns its path. It is ""
// if there is an administrator already.
func (h *Handler) Link(ctx context.Context) (path string, err error) {
	has, err := h.Accounts.HasAdmin(ctx)
	if err != nil || has {
		return "", err
	}
	code := secret.NewToken()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hash, h.expires = secret.Hash(code), time.Now().Add(Lifetime)
	return h.Base + "/setup/" + code, nil
}

// open reports whether the code works.
func (h *Handler) open(code string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return secret.Equal(h.hash, secret.Hash(code)) && time.Now().Before(h.expires)
}

// close makes the code useless.
func (h *Handler) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hash = nil
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	if !h.open(r.PathValue("code")) {
		return sallyport.ErrNotFound
	}
	return h.Pages.Show(w, r, "setup", web.Form{})
}

type request struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	if !h.open(r.PathValue("code")) {
		return sallyport.ErrNotFound
	}
	var in request
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	out, err := h.Accounts.SetUp(r.Context(), account.Registration{
		Username: in.Username, Email: in.Email, Password: in.Password,
	}, account.SignIn{Mode: entry.Cookie}, exchange.Origin(h.Gate, r))
	if errors.Is(err, account.ErrSetUp) {
		h.close()
		return sallyport.ErrNotFound
	}
	if _, made := errors.AsType[*account.NeedsFactorError](err); err == nil || made {
		h.close()
	}
	if err != nil {
		if err = h.Answer.Refused(w, r, err); err != nil {
			err = h.Pages.Failed(w, r, "setup", err, web.Form{Identifier: in.Username, Email: in.Email})
		}
		return err
	}
	return h.Answer.SignedIn(w, r, out, http.StatusCreated)
}
