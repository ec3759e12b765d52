package account_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
)

// A rangeService knows some passwords, or does not answer.
type rangeService struct {
	leaked atomic.Value // []string
	down   atomic.Bool
}

func (s *rangeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "%s:0\r\n", strings.Repeat("0", 35))
	for _, pw := range s.leaked.Load().([]string) {
		if sum := fmt.Sprintf("%X", sha1.Sum([]byte(pw))); strings.HasSuffix(r.URL.Path, sum[:5]) {
			fmt.Fprintf(w, "%s:7\r\n", sum[5:])
		}
	}
}

// guarded asks a range service about passwords.
func (n *node) guarded(t *testing.T, leaked ...string) *rangeService {
	s := &rangeService{}
	s.leaked.Store(leaked)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	n.Breaches = &password.Breaches{URL: srv.URL + "/"}
	return s
}

func TestANewPasswordThatIsKnownIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.member()
		service := h.guarded(t, pass2)
		breached := func(what string, err error) {
			t.Helper()
			if weak, ok := errors.AsType[*password.WeakError](err); !ok || weak.Reason != password.Breached {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := h.Register(t.Context(), account.Registration{Username: newName(), Password: pass2}, account.SignIn{WithTokens: true}, origin(""))
		breached("registered", err)
		_, err = h.Add(t.Context(), account.Registration{Username: newName(), Password: pass2}, origin(""))
		breached("added", err)
		_, _, err = h.ChangePassword(t.Context(), by(ann), pass, pass2, origin(ann.User.ID))
		breached("changed", err)
		breached("set", h.SetPassword(t.Context(), ann.User.ID, pass2, origin("")))

		service.down.Store(true)
		other := "an otter swims up the river"
		h.must(h.SetPassword(t.Context(), ann.User.ID, other, origin("")))
		h.Breaches = &password.Breaches{URL: h.Breaches.URL, Closed: true}
		h.wants(h.SetPassword(t.Context(), ann.User.ID, other, origin("")), password.ErrUnasked, "closed while the service is down")
	})
}

func TestAPasswordThatBecomesKnownIsMarkedBehindTheSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.member()
		h.guarded(t, pass)
		for range 3 { // it goes on opening the account, and is news once
			h.again(ann.User, true)
		}
		for marked := false; !marked; time.Sleep(time.Millisecond) {
			var err error
			if marked, err = h.PasswordBreached(t.Context(), ann.User.ID); err != nil {
				t.Fatal(err)
			}
		}
		h.again(ann.User, true)
		entries, err := h.Audit(t.Context(), audit.Filter{Target: ann.User.ID, Action: "password.breached"})
		h.must(err)
		if len(entries) != 1 || entries[0].Actor != "system" {
			t.Errorf("audited %+v", entries)
		}
		h.must(h.SetPassword(t.Context(), ann.User.ID, pass2, origin("")))
		if marked, err := h.PasswordBreached(t.Context(), ann.User.ID); marked || err != nil {
			t.Errorf("marked %v after a new password, %v", marked, err)
		}
	})
}
