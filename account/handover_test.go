package account_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
)

var browserHash = []byte("0123456789abcdef0123456789abcdef")

const wikiHost = "wiki.example"

func (n *node) handOver(s *account.SignedIn) string {
	n.t.Helper()
	code, err := n.HandOver(n.t.Context(), by(s), account.Handover{Host: wikiHost, Browser: browserHash, ReturnTo: "/page"})
	n.must(err)
	return code
}

func (n *node) takeOver(code string) (session.Session, error) {
	s, _, err := n.TakeOver(n.t.Context(), code, wikiHost, browserHash, origin(""))
	return s, err
}

func TestASessionIsHandedOverOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		in := h.member()
		code := h.handOver(in)
		s, returnTo, err := h.TakeOver(t.Context(), code, wikiHost, browserHash, origin(""))
		if err != nil || s.ID != in.Session.ID || s.Subject != in.User.ID || returnTo != "/page" {
			t.Fatalf("%+v, %q, %v", s, returnTo, err)
		}
		if es := h.audited("session.hand_over", in.User.ID); len(es) != 1 || es[0].Detail["host"] != wikiHost || es[0].Detail["session"] != s.ID || es[0].Actor != in.User.ID {
			t.Errorf("audited: %+v", es)
		}
		_, err = h.takeOver(code)
		h.wants(err, account.ErrHandover, "the second time")

		var first atomic.Int32
		code = h.handOver(in)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := h.takeOver(code); err == nil {
					first.Add(1)
				} else if !errors.Is(err, account.ErrHandover) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if first.Load() != 1 {
			t.Errorf("%d of eight at once", first.Load())
		}
	})
}

func TestWhatCannotBeHandedOver(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		in := h.member()
		_, err := h.HandOver(t.Context(), &sallyport.Principal{Kind: sallyport.User, Subject: in.User.ID}, account.Handover{Host: wikiHost, Browser: browserHash})
		h.wants(err, account.ErrNoSession, "a key")
		code := h.handOver(in)
		for what, try := range map[string]func() error{
			"at another host": func() error {
				_, _, err := h.TakeOver(t.Context(), h.handOver(in), "evil.example", browserHash, origin(""))
				return err
			},
			"by another browser": func() error {
				_, _, err := h.TakeOver(t.Context(), h.handOver(in), wikiHost, browserHash[1:], origin(""))
				return err
			},
			"by none": func() error {
				_, _, err := h.TakeOver(t.Context(), h.handOver(in), wikiHost, nil, origin(""))
				return err
			},
			"no code":           func() error { _, err := h.takeOver(""); return err },
			"text that is none": func() error { _, err := h.takeOver("\x00\xff"); return err },
		} {
			h.wants(try(), account.ErrHandover, "%s", what)
		}
		h.must(h.SignOut(t.Context(), by(in), false, origin(in.User.ID)))
		_, err = h.takeOver(code)
		h.wants(err, account.ErrHandover, "after signing out")
		_, err = h.HandOver(t.Context(), by(in), account.Handover{Host: wikiHost, Browser: browserHash})
		h.wants(err, account.ErrNoSession, "a session that has ended")
		if es := h.audited("session.hand_over", in.User.ID); len(es) != 0 {
			t.Errorf("audited: %+v", es)
		}
	})
}

func TestAHandoverTakesAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, backends[0])
		in := h.member()
		soon, late := h.handOver(in), h.handOver(in)
		time.Sleep(59 * time.Second)
		_, err := h.takeOver(soon)
		h.must(err)
		time.Sleep(time.Second)
		_, err = h.takeOver(late)
		h.wants(err, account.ErrHandover, "after a minute")

		h.Timeouts = session.Timeouts{Absolute: 30 * time.Second}
		short := h.again(in.User, false)
		code := h.handOver(short)
		time.Sleep(30 * time.Second)
		_, err = h.takeOver(code)
		h.wants(err, account.ErrHandover, "a session that has expired meanwhile")
	})
}
