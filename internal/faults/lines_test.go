//go:build unix

package faults_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// bound is how old the news may be by which the example answers, as the verifier has it.
const bound = 5 * time.Second

// watch asks the service about a good token all the time, until the answer is 503, and
// returns how long after since that was. Before, it may be nothing but 200.
func (s *service) watch(token string, since time.Time) time.Duration {
	s.Helper()
	for {
		switch got := s.get(token); {
		case got == 503:
			return time.Since(since)
		case got != 200:
			s.Fatalf("the service says %d\n%s", got, s.Output())
		case time.Since(since) > 90*time.Second:
			s.Fatalf("the service never says that it cannot tell\n%s", s.Output())
		}
	}
}

// atTheBound checks when the service stopped to answer: not after it must, and not
// before anything that it heard may have been as old as that. The last beat was a second
// and a bit old when the line went, and two more where the greeting had come late. How
// long the machine took over a request is not the bound's fault, so that the upper
// limit is generous.
func atTheBound(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("failed closed after %v", took)
	if took < bound-4*time.Second || took > bound+10*time.Second {
		t.Errorf("failed closed %v after the line was cut; the bound is %v", took, bound)
	}
}

// A service is cut off for longer than the bound, while thousands sign out.
func TestNothingIsLostOfWhatIsRevokedDuringACut(t *testing.T) {
	for name, fault := range map[string]state{"the line is cut": cut, "the line is silent": frozen} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			s := w.service()
			n := testenv.Count(150, 10_000)
			cutFor := time.Duration(testenv.Count(0, 10)) * time.Second
			all := w.sessions(w.issuer, n+n/4, "person") // some stay signed in
			live, dead := all[n:], all[:n]
			for _, token := range []string{live[0], dead[0]} {
				s.becomes(token, 200)
			}

			w.front.set(fault)
			since := time.Now()
			var acked atomic.Int64
			signedOut := make(chan struct{})
			go func() {
				defer close(signedOut)
				each(n, func(i int) {
					if status, answer := ask("POST", w.issuer.URL+"/auth/logout", dead[i], `{}`); status != 204 {
						t.Errorf("signing out: %d %s", status, answer)
					}
					acked.Add(1)
				})
			}()
			atTheBound(t, s.watch(live[0], since))
			<-signedOut
			for time.Since(since) < cutFor {
				if got := s.get(dead[0]); got != 503 {
					t.Fatalf("cut off, the service says %d", got)
				}
			}
			for _, token := range []string{live[0], dead[0], dead[n-1]} {
				if got := s.get(token); got != 503 {
					t.Errorf("cut off, the service says %d", got)
				}
			}

			w.front.set(open)
			back := time.Now()
			s.becomes(live[0], 200)
			t.Logf("%d revoked during a cut of %v; answers again after %v", acked.Load(), back.Sub(since), time.Since(back))
			each(n, func(i int) {
				if got := s.get(dead[i]); got != 401 {
					t.Errorf("a token whose sign-out was acknowledged during the cut: %d", got)
				}
			})
			each(len(live), func(i int) {
				if got := s.get(live[i]); got != 200 {
					t.Errorf("a token that nobody revoked: %d", got)
				}
			})
			if out := s.Output(); !strings.Contains(out, "revocation feed was lost") || !strings.Contains(out, "followed again") {
				t.Errorf("the log of the service says\n%s", out)
			}
		})
	}
}

// A server that is frozen holds its connections open and says nothing on them.
func TestAFrozenServer(t *testing.T) {
	w := begin(t)
	s := w.service()
	live, dead := w.register(w.issuer, "ann").Access, w.register(w.issuer, "bob").Access
	s.becomes(live, 200)
	s.becomes(dead, 200)
	for range testenv.Count(1, 5) {
		w.signOut(w.issuer, dead)
		if err := w.issuer.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		atTheBound(t, s.watch(live, since))
		for _, token := range []string{live, dead} {
			if got := s.get(token); got != 503 {
				t.Errorf("the issuer is frozen, and the service says %d", got)
			}
		}
		if err := w.issuer.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		// What is heard first after a thaw was written before it: it must not count as news.
		s.becomes(live, 200)
		if got := s.get(dead); got != 401 {
			t.Errorf("signed out before the frost, and the service says %d", got)
		}
		dead = w.signIn(w.issuer, "bob").Access
		s.becomes(dead, 200)
	}
}

// What is no cursor of ours is refused or costs a reset, and disturbs nobody.
func TestCursorsOfAllKinds(t *testing.T) {
	w := begin(t)
	s := w.service()
	ann := w.register(w.issuer, "ann").Access
	feed := func(key, query string) (status int) {
		r, err := http.NewRequest("GET", w.issuer.URL+"/auth/revocations"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() // a stream ends here
		return resp.StatusCode
	}
	long := strings.Repeat("c", 100<<10)
	for _, tt := range []struct {
		name, key, query string
		want             int
	}{
		{"none", w.key, "", 200},
		{"of another log", w.key, "?cursor=another.7.nonce", 200},
		{"garbage", w.key, "?cursor=garbage", 400},
		{"of 20 KB", w.key, "?cursor=" + long[:20<<10], 400},
		{"of 100 KB", w.key, "?cursor=" + long, 431},
		{"of 100 KB, from nobody", "", "?cursor=" + long, 431},
		{"an unknown parameter", w.key, "?since=7", 400},
		{"garbage from who may not read", ann, "?cursor=garbage", 403},
		{"from who may not read", ann, "", 403},
		{"from nobody", "", "", 401},
		{"a key that is none", "sp_live_x", "", 401},
	} {
		if got := feed(tt.key, tt.query); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	s.becomes(ann, 200)
	w.signOut(w.issuer, ann)
	s.becomes(ann, 401)
}
