package main

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testmail"
)

// TestAKilledServerLosesNoMail kills the server while mails are on their way, one of
// them handed over and not yet answered. The next server sends them all.
func TestAKilledServerLosesNoMail(t *testing.T) {
	t.Parallel()
	dir, people := t.TempDir(), []string{"ann", "bob", "cat"}
	var well atomic.Bool
	middle, release := make(chan struct{}, 16), make(chan struct{})
	sink := &testmail.Sink{NoTLS: true, Answer: func(step, to string) error {
		switch {
		case well.Load() || step != "rcpt" && step != "end":
			return nil
		case step == "rcpt" && !strings.HasPrefix(to, "ann"):
			return testmail.Refuse(451, "not now")
		case step == "end":
			middle <- struct{}{}
			<-release
			return testmail.Refuse(451, "too late")
		}
		return nil
	}}
	if err := sink.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	env := append(environ(), "SALLYPORT_MAIL__URL="+sink.URL(), "SALLYPORT_MAIL__FROM=no-reply@example.com")
	p, err := start(dir, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range people {
		command(t, dir, env, "user", "add", "--username", name, "--email", name+"@example.org", "--email-verified")
		c, _, diagnosis := prepared(t, dir, env, "user", "password", name, "--password-stdin")
		c.Stdin = strings.NewReader("a heron stands in the river\n")
		if err := c.Run(); err != nil {
			t.Fatal(err, diagnosis)
		}
	}
	<-middle
	p.kill()
	close(release)
	well.Store(true)
	if p, err = start(dir, env); err != nil {
		t.Fatal(err)
	}
	for got := map[string]bool{}; len(got) < len(people); {
		<-sink.Arrived()
		for _, m := range sink.Mails() {
			got[m.To] = true
		}
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
