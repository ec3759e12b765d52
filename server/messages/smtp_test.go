package messages_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/testmail"
	"github.com/sallyport-auth/sallyport/server/messages"
)

func sink(t testing.TB, s *testmail.Sink) *testmail.Sink {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mailTo(s *testmail.Sink) messages.Mail {
	return messages.Mail{URL: s.URL(), From: "Bulletin <no-reply@example.com>", TLS: s.Trust()}
}

var reset = outbox.Message{ID: "msg_1", Kind: outbox.Reset, CreatedAt: written}

func TestAMailArrivesWhole(t *testing.T) {
	for _, c := range []struct {
		name string
		sink *testmail.Sink
		tls  bool
	}{
		{"over STARTTLS, signed in", &testmail.Sink{User: "ann", Password: "s3cret"}, true},
		{"over TLS from the first byte", &testmail.Sink{Implicit: true}, true},
		{"without TLS on loopback", &testmail.Sink{NoTLS: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sink(t, c.sink)
			text := render(t, renderer(t), outbox.Reset, outbox.Letter{Locale: "de", Data: map[string]string{"link": "https://id.example/x", "code": "7KQ2-M4XT"}})
			if err := messages.DeliverMail(t.Context(), mailTo(s), reset, "ann@example.org", text); err != nil {
				t.Fatal(err)
			}
			m := s.Mails()[0]
			if m.From != "no-reply@example.com" || m.To != "ann@example.org" || m.TLS != c.tls || m.User != c.sink.User {
				t.Errorf("envelope: %q to %q, TLS %v, user %q", m.From, m.To, m.TLS, m.User)
			}
			if m.Subject() != text.Subject || m.Text != text.Plain || !strings.Contains(m.HTML, "7KQ2-M4XT") {
				t.Errorf("%q\n%s\n%s", m.Subject(), m.Text, m.HTML)
			}
			for name, want := range map[string]string{
				"Message-Id": "<msg_1@example.com>", "Auto-Submitted": "auto-generated", "To": "<ann@example.org>",
				"From": `"Bulletin" <no-reply@example.com>`, "Date": "Mon, 30 Nov 2026 18:25:00 +0000", "Content-Language": "de",
			} {
				if got := m.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWhatAServerAnswersMeans(t *testing.T) {
	const again, never = false, true
	for _, c := range []struct {
		name, step string
		code       int
		want       bool
	}{
		{"it greylists", "rcpt", 451, again},
		{"the mailbox is full", "rcpt", 452, again},
		{"there is no such mailbox", "rcpt", 550, never},
		{"it wants us to sign in", "rcpt", 530, again},
		{"it does not like the sender", "mail", 553, again},
		{"it is busy", "data", 421, again},
		{"it takes the message for spam", "end", 554, never},
		{"it has a passing trouble with the message", "end", 451, again},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sink(t, &testmail.Sink{Answer: func(step, _ string) error {
				if step == c.step {
					return testmail.Refuse(c.code, "no, <ann@example.org>, not now")
				}
				return nil
			}})
			err := messages.DeliverMail(t.Context(), mailTo(s), reset, "ann@example.org", messages.Text{Subject: "x", Plain: "x", HTML: "x"})
			if err == nil {
				t.Fatal("no error")
			}
			if _, refused := errors.AsType[*outbox.RefusedError](err); refused != c.want {
				t.Errorf("for ever: %v, want %v: %v", refused, c.want, err)
			}
			if strings.Contains(err.Error(), "ann@") {
				t.Errorf("the error names the recipient: %v", err)
			}
		})
	}
}

func TestAServerThatIsNotThereOrNotRightIsAskedAgain(t *testing.T) {
	gone := sink(t, &testmail.Sink{})
	gone.Close()
	untrusted := sink(t, &testmail.Sink{})
	password := sink(t, &testmail.Sink{User: "ann", Password: "right"})
	for _, c := range []struct {
		name string
		mail messages.Mail
	}{
		{"it is not there", mailTo(gone)},
		{"nobody vouches for its certificate", messages.Mail{URL: untrusted.URL(), From: "a@example.com"}},
		{"our password is wrong", messages.Mail{URL: "smtp://ann:wrong@" + password.Address(), From: "a@example.com", TLS: password.Trust()}},
		{"we speak TLS and it does not", messages.Mail{URL: "smtps://" + untrusted.Address(), From: "a@example.com", TLS: untrusted.Trust()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := messages.DeliverMail(t.Context(), c.mail, reset, "ann@example.org", messages.Text{Subject: "x", Plain: "x", HTML: "x"})
			if _, refused := errors.AsType[*outbox.RefusedError](err); refused || err == nil {
				t.Errorf("%v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "wrong") || strings.Contains(err.Error(), "@")) {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

// Elsewhere than on loopback nothing is said before the connection is TLS.
func TestTLSIsRequired(t *testing.T) {
	s := sink(t, &testmail.Sink{NoTLS: true, User: "ann", Password: "s3cret"})
	_, port, _ := strings.Cut(s.Address(), ":")
	m := messages.Mail{URL: "smtp://ann:s3cret@127.0.0.1.nip.invalid:" + port, From: "a@example.com"}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	err := messages.DeliverMailAs(t.Context(), m, s.Address(), reset, "ann@example.org", messages.Text{Subject: "x", Plain: "x", HTML: "x"})
	if err == nil || !strings.Contains(strings.ToUpper(err.Error()), "TLS") || len(s.Mails()) != 0 {
		t.Errorf("%v, %d mails", err, len(s.Mails()))
	}
}

func TestAServerThatHangsIsLeft(t *testing.T) {
	for _, step := range []string{"mail", "rcpt", "data", "end"} {
		t.Run(step, func(t *testing.T) {
			reached, release := make(chan struct{}), make(chan struct{})
			s := sink(t, &testmail.Sink{Answer: func(at, _ string) error {
				if at == step {
					close(reached)
					<-release
				}
				return nil
			}})
			defer close(release)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-reached; cancel() }() // the attempt's time is over
			err := messages.DeliverMail(ctx, mailTo(s), reset, "ann@example.org", messages.Text{Subject: "x", Plain: "x", HTML: "x"})
			if _, refused := errors.AsType[*outbox.RefusedError](err); err == nil || refused {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNobodyAddsAHeaderOrARecipient(t *testing.T) {
	var rcpts atomic.Int64
	s := sink(t, &testmail.Sink{Answer: func(step, _ string) error {
		if step == "rcpt" {
			rcpts.Add(1)
		}
		return nil
	}})
	for _, to := range []string{
		"ann@example.org\r\nBcc: eve@example.org", "ann@example.org\nRCPT TO:<eve@example.org>", "ann@example.org, eve@example.org",
		"Eve <eve@example.org>", "<ann@example.org>", "", "ann", "ann@example.org ", strings.Repeat("a", 300) + "@",
	} {
		err := messages.DeliverMail(t.Context(), mailTo(s), reset, to, messages.Text{Subject: "x", Plain: "x", HTML: "x"})
		if _, refused := errors.AsType[*outbox.RefusedError](err); !refused {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if rcpts.Load() != 0 {
		t.Errorf("%d recipients were named", rcpts.Load())
	}
	text := messages.Text{Subject: "Hello\r\nBcc: eve@example.org\r\n\r\nbody", Plain: ".\r\nRCPT TO:<eve@example.org>\r\n.\r\n", HTML: "x"}
	if err := messages.DeliverMail(t.Context(), mailTo(s), reset, "ann@example.org", text); err != nil {
		t.Fatal(err)
	}
	m := s.Mails()[0]
	if m.Header.Get("Bcc") != "" || m.To != "ann@example.org" || !strings.Contains(m.Text, "RCPT TO") || m.Subject() != "Hello Bcc: eve@example.org body" {
		t.Errorf("%q", m.Raw)
	}
}

func TestMailCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		mail messages.Mail
		ok   bool
	}{
		{"none", messages.Mail{}, true},
		{"with everything", messages.Mail{URL: "smtp://ann:p%40ss@mail.example.com:587", From: "Bulletin <no-reply@example.com>"}, true},
		{"the user is the sender", messages.Mail{URL: "smtps://ann%40example.com:pass@mail.example.com"}, true},
		{"no sender", messages.Mail{URL: "smtp://ann:pass@mail.example.com"}, false},
		{"another scheme", messages.Mail{URL: "https://mail.example.com", From: "a@example.com"}, false},
		{"no host", messages.Mail{URL: "smtp://", From: "a@example.com"}, false},
		{"a path", messages.Mail{URL: "smtp://mail.example.com/x", From: "a@example.com"}, false},
		{"no port", messages.Mail{URL: "smtp://mail.example.com:0", From: "a@example.com"}, false},
		{"malformed", messages.Mail{URL: "smtp://ann:hunter2@[::1", From: "a@example.com"}, false},
		{"a line break in the sender", messages.Mail{URL: "smtp://mail.example.com", From: "a@example.com\r\nBcc: b@example.com"}, false},
	} {
		err := c.mail.Check()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password", c.name)
		}
	}
}
