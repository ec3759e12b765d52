package sallytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/sallytest"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// A person who has forgotten their password finds a mail with a link and a code.
func ExampleMailbox() {
	box, err := sallytest.NewMailbox()
	if err != nil {
		panic(err)
	}
	defer box.Close()

	var auth *server.Server
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { auth.ServeHTTP(w, r) }))
	defer site.Close()
	ctx := context.Background()
	auth, err = server.Open(ctx, server.Config{
		BaseURL: site.URL, Store: memory.New(), SealingKey: []byte("a sealing key that has 32 bytes."),
		Mail: messages.Mail{URL: box.URL(), From: "no-reply@example.com"},
	})
	if err != nil {
		panic(err)
	}
	defer auth.Close()

	const register = `{"username":"ann","email":"ann@example.org","password":"plums ripen late in august"}`
	resp, err := http.Post(site.URL+"/auth/register", "application/json", strings.NewReader(register))
	if err != nil {
		panic(err)
	}
	resp.Body.Close()

	mail, err := box.Next(ctx, "ann@example.org")
	if err != nil {
		panic(err)
	}
	fmt.Println(mail.Subject)
	fmt.Println(strings.HasPrefix(mail.Link(), site.URL+"/auth/email/verify?token="), len(mail.Code()))
	// Output:
	// Confirm your address · 127.0.0.1
	// true 9
}

func open(t *testing.T) *sallytest.Mailbox {
	t.Helper()
	b, err := sallytest.NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func send(t *testing.T, b *sallytest.Mailbox, content string, to ...string) error {
	t.Helper()
	return smtp.SendMail(strings.TrimPrefix(b.URL(), "smtp://"), nil, "from@example.org", to, []byte(content))
}

func TestAMailboxKeepsWhatItIsSent(t *testing.T) {
	b := open(t)
	const head = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
	const alternative = head + "Content-Type: multipart/alternative; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHier:\r\nhttps://id.example/x?token=3Dabc\r\n\r\n    7KQ2-M4XT\r\n" +
		"--x\r\nContent-Type: text/html\r\n\r\n<p>7KQ2-M4XT</p>\r\n--x--\r\n"
	for _, content := range []string{alternative, "Subject: plain\r\n\r\n.a line that begins with a dot\r\n123456\r\n"} {
		if err := send(t, b, content, "ann@example.org", "bob@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	m, err := b.Next(t.Context(), "ann@example.org")
	if err != nil || m.Subject != "Grüße" || m.From != "from@example.org" || m.Link() != "https://id.example/x?token=abc" || m.Code() != "7KQ2-M4XT" || m.HTML != "<p>7KQ2-M4XT</p>" {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = b.Next(t.Context(), "ann@example.org")
	if err != nil || m.Text != ".a line that begins with a dot\n123456\n" || m.Code() != "123456" || m.Link() != "" {
		t.Errorf("%+v, %v", m, err)
	}
	if n := len(b.To("bob@example.org")); n != 2 || len(b.To("eve@example.org")) != 0 {
		t.Errorf("%d mails to bob", n)
	}
	if err := send(t, b, "no mail at all", "ann@example.org"); err == nil {
		t.Error("what is no mail was taken")
	}
}

func TestWhoWaitsForAMailGetsIt(t *testing.T) {
	b := open(t)
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Next(late, "ann@example.org"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain: %v", err)
	}
	var wait sync.WaitGroup
	seen := make([]string, 8)
	for i := range seen {
		wait.Go(func() {
			m, err := b.Next(t.Context(), "ann@example.org")
			if err != nil {
				t.Error(err)
			}
			seen[i] = m.Subject
		})
	}
	for i := range seen {
		wait.Go(func() {
			if err := send(t, b, fmt.Sprintf("Subject: %d\r\n\r\n", i), "ann@example.org"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	subjects := map[string]bool{}
	for _, s := range seen {
		subjects[s] = true
	}
	if len(subjects) != len(seen) {
		t.Errorf("got %q", seen)
	}
}
