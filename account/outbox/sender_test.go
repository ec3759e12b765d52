package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// A post is a store of messages and what was delivered from it.
type post struct {
	*testing.T
	store  *memory.Store
	sealer *secret.Sealer

	mu        sync.Mutex
	delivered map[string]int // by recipient
	log       strings.Builder
	logger    *slog.Logger // writes there; one for all senders, since it is what keeps them apart
}

func newPost(t *testing.T) *post {
	t.Helper()
	sealer, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	p := &post{T: t, store: memory.New(), sealer: sealer, delivered: map[string]int{}}
	p.logger = slog.New(slog.NewTextHandler(&p.log, nil))
	return p
}

func (p *post) add(k outbox.Kind, to string) outbox.Message {
	p.Helper()
	m, err := outbox.New(p.sealer, k, outbox.Letter{User: "usr_ann", To: to, Data: map[string]string{"link": "https://x/" + to}}, time.Now())
	if err != nil {
		p.Fatal(err)
	}
	p.update(func(tx account.Tx) error { return tx.Outbox.Add(p.Context(), m) })
	return m
}

func (p *post) update(f func(account.Tx) error) {
	p.Helper()
	if err := p.store.Update(p.Context(), f); err != nil {
		p.Fatal(err)
	}
}

// sender delivers mails to whom answer has nothing against.
func (p *post) sender(answer func(to string) error) *outbox.Sender {
	return &outbox.Sender{
		Channel: outbox.Email, Sealer: p.sealer,
		Update: func(ctx context.Context, f func(outbox.Store, audit.Log) error) error {
			return p.store.Update(ctx, func(tx account.Tx) error { return f(tx.Outbox, tx.Audit) })
		},
		Deliver: func(ctx context.Context, m outbox.Message, l outbox.Letter) error {
			if err := answer(l.To); err != nil {
				return err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.delivered[l.To]++
			return nil
		},
		Log: p.logger,
	}
}

func (p *post) waiting() (all []outbox.Message) {
	p.Helper()
	p.update(func(tx account.Tx) (err error) { all, err = tx.Outbox.Waiting(p.Context(), 100); return err })
	return all
}

func (p *post) failures() (all []audit.Entry) {
	p.Helper()
	p.update(func(tx account.Tx) (err error) {
		all, err = tx.Audit.List(p.Context(), audit.Filter{Action: "message.fail"})
		return err
	})
	return all
}

func (p *post) send(s *outbox.Sender) {
	p.Helper()
	if _, err := s.Send(p.Context()); err != nil {
		p.Fatal(err)
	}
}

func willingly(string) error { return nil }

func TestALetterIsSealed(t *testing.T) {
	p := newPost(t)
	m := p.add(outbox.Reset, "ann@example.org")
	if strings.Contains(string(m.Sealed), "ann") || strings.Contains(string(m.Sealed), "https") {
		t.Error("the store can read the letter")
	}
	l, err := m.Open(p.sealer)
	if err != nil || l.To != "ann@example.org" || l.Data["link"] != "https://x/ann@example.org" {
		t.Errorf("%+v %v", l, err)
	}
	m.ID = "msg_other"
	if _, err := m.Open(p.sealer); err == nil {
		t.Error("the letter of one message opened as that of another")
	}
}

func TestAMessageIsSentOnceAndForgotten(t *testing.T) {
	p := newPost(t)
	p.add(outbox.Reset, "ann@example.org")
	s := p.sender(willingly)
	p.send(s)
	p.send(s)
	if p.delivered["ann@example.org"] != 1 || len(p.waiting()) != 0 || len(p.failures()) != 0 {
		t.Errorf("delivered %v, waiting %v", p.delivered, p.waiting())
	}
}

func TestAFailureIsTriedAgainWithLongerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		p.add(outbox.NewDevice, "ann@example.org") // tells of an event: it waits for days
		start, fails := time.Now(), 6
		var at []time.Duration
		s := p.sender(func(string) error {
			at = append(at, time.Since(start).Round(time.Second))
			if fails--; fails >= 0 {
				return errors.New("451 come back later")
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(time.Hour)
		cancel()
		<-done
		// 5 s, 10 s, 20 s, 40 s, 80 s, 160 s, each up to the next look a second later.
		want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second, 75 * time.Second, 155 * time.Second, 315 * time.Second}
		if len(at) != len(want) {
			t.Fatalf("attempts at %v", at)
		}
		for i := range want {
			if at[i] < want[i] || at[i] > want[i]+time.Duration(i+1)*time.Second {
				t.Errorf("attempt %d after %v, want %v", i, at[i], want[i])
			}
		}
		if p.delivered["ann@example.org"] != 1 {
			t.Errorf("delivered %v", p.delivered)
		}
	})
}

func TestARefusedMessageEndsAndIsAudited(t *testing.T) {
	p := newPost(t)
	m := p.add(outbox.Reset, "nobody@example.org")
	p.send(p.sender(func(string) error {
		return &outbox.RefusedError{Problem: "the mail server answered 550 to the recipient"}
	}))
	if len(p.waiting()) != 0 {
		t.Errorf("waiting: %v", p.waiting())
	}
	es := p.failures()
	if len(es) != 1 || es[0].Target != "usr_ann" || es[0].Detail["message"] != m.ID || es[0].Detail["kind"] != "reset" {
		t.Errorf("audited: %+v", es)
	}
	if strings.Contains(fmt.Sprint(es)+p.log.String(), "nobody@") {
		t.Error("the address is in the audit or in the log")
	}
}

func TestACodeIsNotSentAfterItExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		p.add(outbox.CodeByEmail, "late@example.org")
		p.add(outbox.PasswordChanged, "patient@example.org")
		time.Sleep(outbox.CodeLifetime)
		p.send(p.sender(willingly))
		if p.delivered["late@example.org"] != 0 || p.delivered["patient@example.org"] != 1 || len(p.waiting()) != 0 || len(p.failures()) != 1 {
			t.Errorf("delivered %v, failures %v", p.delivered, p.failures())
		}
	})
}

func TestAMessageSealedWithAKeyThatIsGoneEnds(t *testing.T) {
	p := newPost(t)
	p.add(outbox.Reset, "ann@example.org")
	s := p.sender(willingly)
	s.Sealer, _ = secret.New(secret.NewKey())
	p.send(s)
	if len(p.delivered) != 0 || len(p.waiting()) != 0 || len(p.failures()) != 1 {
		t.Errorf("delivered %v, waiting %v, failures %v", p.delivered, p.waiting(), p.failures())
	}
}

func TestManyNodesSendEachMessageOnce(t *testing.T) {
	p := newPost(t)
	const messages, nodes = 200, 8
	for i := range messages {
		p.add(outbox.NewDevice, fmt.Sprintf("user%d@example.org", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range nodes {
		s := p.sender(func(to string) error {
			if strings.HasPrefix(to, "user7") {
				return errors.New("451 not now")
			}
			return nil
		})
		s.Every = time.Millisecond
		running.Go(func() { s.Run(ctx) })
	}
	for sent := 0; sent < messages-11; { // user7 and user70 to user79 are tried once more, later
		time.Sleep(time.Millisecond)
		p.mu.Lock()
		sent = len(p.delivered)
		p.mu.Unlock()
	}
	cancel()
	running.Wait()
	for to, n := range p.delivered {
		if n != 1 {
			t.Errorf("%s got %d", to, n)
		}
	}
}

func TestALostNodeLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		p.add(outbox.NewDevice, "ann@example.org")
		p.update(func(tx account.Tx) error { // it was claimed, and nothing more is heard
			now := time.Now()
			_, err := tx.Outbox.Claim(p.Context(), outbox.Email, now, now.Add(time.Minute), 8)
			return err
		})
		other := p.sender(willingly)
		p.send(other)
		if len(p.delivered) != 0 {
			t.Error("sent while another node has it")
		}
		time.Sleep(time.Minute)
		p.send(other)
		if p.delivered["ann@example.org"] != 1 {
			t.Errorf("delivered %v", p.delivered)
		}
	})
}

func TestANodeThatStopsLeavesTheMessageToOthersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		p.add(outbox.NewDevice, "ann@example.org")
		s := p.sender(willingly)
		s.Deliver = func(ctx context.Context, _ outbox.Message, _ outbox.Letter) error { <-ctx.Done(); return ctx.Err() }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		synctest.Wait()
		cancel()
		<-done
		p.send(p.sender(willingly))
		if p.delivered["ann@example.org"] != 1 {
			t.Errorf("delivered %v", p.delivered)
		}
	})
}
