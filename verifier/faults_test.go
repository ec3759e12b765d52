package verifier_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/verifier"
)

// A meddler stands between a service and its issuer.
type meddler struct {
	mu     sync.Mutex
	keys   func() (status int, body string) // answers for the key set; nil = the issuer does
	policy func(data string) string         // changes what the feed says of the policy; nil = nobody does
	told   []string                         // names of the events of all streams
	asked  int                              // how often the key set was asked for
}

func (m *meddler) change(f func(m *meddler)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

// events returns how often the feed told such an event.
func (m *meddler) events(name string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.told {
		if e == name {
			n++
		}
	}
	return n
}

func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/jwks.json") {
		m.mu.Lock()
		m.asked++
		keys := m.keys
		m.mu.Unlock()
		if keys != nil {
			status, body := keys()
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/revocations") {
		resp.Body = m.tap(resp.Body)
	}
	return resp, err
}

func (m *meddler) tap(body io.ReadCloser) io.ReadCloser {
	in, out := io.Pipe()
	go func() {
		defer body.Close()
		lines := bufio.NewReader(body)
		for name := ""; ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				out.CloseWithError(err)
				return
			}
			if event, ok := strings.CutPrefix(line, "event: "); ok {
				name = strings.TrimSpace(event)
				m.change(func(m *meddler) { m.told = append(m.told, name) })
			}
			m.mu.Lock()
			policy := m.policy
			m.mu.Unlock()
			if data, ok := strings.CutPrefix(line, "data: "); ok && name == "policy" && policy != nil {
				line = "data: " + policy(strings.TrimSpace(data)) + "\n"
			}
			if _, err := io.WriteString(out, line); err != nil {
				return
			}
		}
	}()
	return in
}

// through has a service reach its issuer by way of m.
func through(m *meddler) func(*verifier.Config) {
	return func(c *verifier.Config) { c.Client = &http.Client{Transport: m} }
}

// cut ends the service's connections, and none is made until open.
func (in *installation) cut() {
	in.down.Store(true)
	in.http.CloseClientConnections()
}

func (in *installation) open() { in.down.Store(false) }

// The log forgets what a service that is cut off has not read.
func TestALogThatIsPrunedPastTheCursor(t *testing.T) {
	in := install(t)
	in.user("ann")
	m := new(meddler)
	s := in.service(through(m), func(c *verifier.Config) { c.Bound = time.Minute })
	early, late := in.signIn("ann", ""), in.signIn("ann", "")
	end := func(out *account.SignedIn) {
		t.Helper()
		in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, out.Session.Subject, account.Origin{}))
	}
	end(early)
	s.want(in, "/whoami", early.Tokens.Access, 401)
	s.want(in, "/whoami", late.Tokens.Access, 200)
	resets := m.events("reset")

	in.cut()
	end(late)
	in.must(in.store.Update(t.Context(), func(tx account.Tx) error {
		for i := range 100 {
			e := revoke.Entry{Effect: revoke.Kill, Kind: revoke.Token, ID: fmt.Sprint("old", i), ExpiresAt: time.Now().Add(-time.Hour)}
			if _, err := tx.Log.Append(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	}))
	for n := 1; n > 0; {
		var err error
		n, err = in.store.Sweep(t.Context(), time.Now(), 500)
		in.must(err)
	}
	var head revoke.Head
	in.must(in.store.View(t.Context(), func(tx account.Tx) (err error) { head, err = tx.Log.Head(t.Context()); return err }))
	if at := s.Health().Cursor.Seq; head.Floor <= at {
		t.Fatalf("pruned up to %d, and the service is at %d: this test shows nothing", head.Floor, at)
	}
	if got := s.get("/whoami", early.Tokens.Access); got != 401 {
		t.Errorf("cut off, what was in force is not: %d", got)
	}
	in.start() // or it would remember what it told others
	in.open()
	fresh := in.signIn("ann", "")
	s.want(in, "/whoami", fresh.Tokens.Access, 200)
	s.want(in, "/whoami", early.Tokens.Access, 401)
	s.want(in, "/whoami", late.Tokens.Access, 401)
	if got := m.events("reset"); got != resets+1 {
		t.Errorf("%d resets, want %d", got, resets+1)
	}
	end(fresh)
	s.want(in, "/whoami", fresh.Tokens.Access, 401)
}

// A policy that is not good here is refused, and everybody is told.
func TestAPolicyThatIsNotGood(t *testing.T) {
	in := install(t)
	in.user("ann")
	token := in.signIn("ann", "").Tokens.Access
	m := new(meddler)
	s := in.service(through(m))
	define := func(permissions ...string) {
		t.Helper()
		in.must(in.Accounts.PutRole(t.Context(), authz.Role{Name: "member", Permissions: permissions}, nil, account.Origin{}))
	}
	s.want(in, "/notes", token, 200)
	var refused int64
	for _, tt := range []struct {
		name, data, says string
	}{
		{"no JSON", `{"roles":`, "reading the policy"},
		{"no roles", `{}`, "without roles"},
		{"a role that inherits from itself", `{"roles":[{"Name":"member","Inherits":["member"]}]}`, "member"},
		{"rules that nobody can read", `{"roles":[{"Name":"member"}],"version":7,"schema":"entity Report;","files":[{"name":"a.cedar","text":"permit (prin"}]}`, "policy version 7"},
		{"an array", `[1,2,3]`, "reading the policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m.change(func(m *meddler) { m.policy = func(string) string { return tt.data } })
			define("report:read") // takes the right away that the service still knows of
			refused++
			await(t, func() bool { return s.Health().Refused == refused })
			s.want(in, "/notes", token, 200)
			s.want(in, "/reports", token, 403)
			h := s.Health()
			if h.RefusedErr == nil || !strings.Contains(h.RefusedErr.Error(), tt.says) || !h.Fresh || h.Err != nil {
				t.Errorf("Health = %+v, want %q", h, tt.says)
			}
			w := recorder()
			s.Metrics(w, nil)
			if want := fmt.Sprintf("policies_refused_total %d\n", refused); !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %q in\n%s", want, w.Body)
			}
			if n := strings.Count(s.log.String(), "the one before stays in force"); int64(n) != refused {
				t.Errorf("the log says so %d times, want %d", n, refused)
			}
			out := in.signIn("ann", "") // and what is revoked goes on to be heard
			in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, out.Session.Subject, account.Origin{}))
			s.want(in, "/whoami", out.Tokens.Access, 401)
		})
	}
	m.change(func(m *meddler) { m.policy = nil })
	define("note:write", "report:read")
	s.want(in, "/reports", token, 200)
	s.want(in, "/notes", token, 403)
	if h := s.Health(); h.RefusedErr != nil || h.Refused != refused {
		t.Errorf("Health = %+v", h)
	}
}

// A first policy that is not good leaves nothing that stays in force.
func TestAServiceDoesNotOpenWithAPolicyThatIsNotGood(t *testing.T) {
	in := install(t)
	m := &meddler{policy: func(string) string { return `{"roles":` }}
	_, err := verifier.Open(t.Context(), verifier.Config{Issuer: in.URL, Key: in.key, Log: quiet, Client: &http.Client{Transport: m}})
	if err == nil || !strings.Contains(err.Error(), "cannot be put in force") {
		t.Errorf("Open = %v", err)
	}
}

// forge signs the claims of a token with a key of the forger's own, under a name.
func forge(t *testing.T, token, kid string) (forged string, jwk string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims := strings.Split(token, ".")[1]
	signed := encode([]byte(`{"alg":"EdDSA","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + claims
	return signed + "." + encode(ed25519.Sign(private, []byte(signed))),
		`{"alg":"EdDSA","crv":"Ed25519","kid":"` + kid + `","kty":"OKP","use":"sig","x":"` + encode(public) + `"}`
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	var h struct{ KID string }
	if err = errors.Join(err, json.Unmarshal(text, &h)); err != nil || h.KID == "" {
		t.Fatalf("%v: %s", err, text)
	}
	return h.KID
}

// A key set that lies or is gone: what is known serves on, or nothing does. That a
// whole new key is published is what nobody can tell from a rotation.
func TestAKeySetThatLies(t *testing.T) {
	in := install(t)
	in.user("ann")
	token := in.signIn("ann", "").Tokens.Access
	kid := kidOf(t, token)
	forged, same := forge(t, token, kid)
	answer := func(status int, body string) func() (int, string) {
		return func() (int, string) { return status, body }
	}
	for _, tt := range []struct {
		name string
		keys func() (int, string)
	}{
		{"another key under the same name", answer(200, `{"keys":[`+same+`]}`)},
		{"garbage", answer(200, `<html>Sign in to the guest network</html>`)},
		{"nothing", answer(200, ``)},
		{"an empty set", answer(200, `{"keys":[]}`)},
		{"a set without keys", answer(200, `{}`)},
		{"keys that nobody can use", answer(200, `{"keys":[{"kty":"future","kid":"`+kid+`"}]}`)},
		{"more than anybody reads", answer(200, `{"keys":[`+same+`],"more":"`+strings.Repeat("x", 2<<20)+`"}`)},
		{"not found", answer(404, `{"keys":[`+same+`]}`)},
		{"elsewhere", answer(302, ``)},
		{"an error", answer(500, `{"keys":[`+same+`]}`)},
		{"not modified, which nobody asked", answer(304, ``)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Run("after the truth", func(t *testing.T) {
				m := new(meddler)
				s := in.service(through(m))
				s.want(in, "/whoami", token, 200)
				m.change(func(m *meddler) { m.keys, m.asked = tt.keys, 0 })
				unknown, _ := forge(t, token, "unknown") // makes the service ask again
				if got := s.get("/whoami", unknown); got == 200 {
					t.Errorf("a token of an unknown key: %d", got)
				}
				if m.change(func(m *meddler) {}); m.asked == 0 {
					t.Error("the service did not ask again: this test shows nothing")
				}
				if got := s.get("/whoami", forged); got != 401 && got != 503 {
					t.Errorf("a forged token: %d", got)
				}
				another := in.signIn("ann", "").Tokens.Access // of the known key, and not remembered
				if got := s.get("/whoami", another); got != 200 && got != 503 {
					t.Errorf("a good token: %d", got)
				}
				if got := s.get("/whoami", token); got != 200 && got != 503 {
					t.Errorf("a good token that is remembered: %d", got)
				}
			})
			t.Run("from the beginning", func(t *testing.T) {
				s := in.service(through(&meddler{keys: tt.keys}))
				for name, token := range map[string]string{"a good token": token, "a forged token": forged} {
					if got := s.get("/whoami", token); got != 503 && got != 401 {
						t.Errorf("%s: %d", name, got)
					}
				}
			})
		})
	}
}

// Who loses the right to the feed hears no more within a second or two, and says so.
func TestAKeyThatIsRevokedWhileItsStreamIsOpen(t *testing.T) {
	for name, end := range map[string]func(in *installation, owner, key string) error{
		"the key is revoked": func(in *installation, owner, key string) error {
			return in.Accounts.RevokeKey(in.Context(), key, owner, account.Origin{})
		},
		"its owner is disabled": func(in *installation, owner, _ string) error {
			return in.Accounts.Disable(in.Context(), owner, account.Origin{})
		},
		"its owner loses the role": func(in *installation, owner, _ string) error {
			return in.Accounts.Unassign(in.Context(), owner, "service", "", account.Origin{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the bound
			in := install(t)
			in.user("ann")
			token := in.signIn("ann", "").Tokens.Access
			owner := in.user("second", "service")
			key, plain, err := in.Accounts.CreateKey(t.Context(), owner, account.NewKey{Name: "k", Scopes: []string{"revocation:read"}}, account.Origin{})
			in.must(err)
			s := in.service(func(c *verifier.Config) { c.Key = plain })
			s.want(in, "/whoami", token, 200)
			in.must(end(in, owner, key.ID))
			since := time.Now()
			await(t, func() bool { return s.Health().Err != nil })
			took := time.Since(since)
			if t.Logf("the stream ended after %v", took); took > 10*time.Second { // a second, and the machine's own trouble
				t.Errorf("the stream goes on for %v", took)
			}
			await(t, func() bool { return errors.Is(s.Health().Err, revoke.ErrNotEntitled) })
			await(t, func() bool { return s.get("/whoami", token) == 503 })
			if err := s.Ready(); !errors.Is(err, revoke.ErrStale) || !errors.Is(err, revoke.ErrNotEntitled) {
				t.Errorf("Ready = %v", err)
			}
			if !s.log.holds("may not be read any more") {
				t.Errorf("the log does not say why:\n%s", s.log)
			}
		})
	}
}

// A cursor that the issuer does not take costs a service nothing but a reset.
func TestAnIssuerThatDoesNotKnowTheCursor(t *testing.T) {
	in := install(t)
	in.user("ann")
	out := in.signIn("ann", "")
	refuse := make(chan bool, 1)
	s := in.service(func(c *verifier.Config) { c.Client = &http.Client{Transport: refusing{refuse}} })
	s.want(in, "/whoami", out.Tokens.Access, 200)
	refuse <- true
	in.cut()
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, out.Session.Subject, account.Origin{}))
	in.open()
	s.want(in, "/whoami", out.Tokens.Access, 401)
	if len(refuse) > 0 {
		t.Error("the cursor was never refused: this test shows nothing")
	}
}

// refusing answers one reader who comes back that its cursor is none.
type refusing struct{ once chan bool }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Has("cursor") {
		select {
		case <-r.once:
			return &http.Response{StatusCode: 400, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		default:
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}

// What is in the log is obeyed whatever the clock of the node said that wrote it.
func TestNodesWhoseClocksAreWrong(t *testing.T) {
	for name, off := range map[string]time.Duration{"an hour behind": -time.Hour, "an hour ahead": time.Hour, "a year behind": -366 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			in := install(t)
			in.user("ann")
			s := in.service()
			out, live := in.signIn("ann", ""), in.signIn("ann", "")
			s.want(in, "/whoami", out.Tokens.Access, 200)
			// As that node ends the session: all that its clock says is when the entry expires.
			in.must(in.store.Update(t.Context(), func(tx account.Tx) error {
				now := time.Now().Add(off)
				_, err := tx.Log.Append(t.Context(), revoke.Entry{
					Effect: revoke.Kill, Kind: revoke.Session, ID: out.Session.ID, CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute),
				})
				return err
			}))
			s.want(in, "/whoami", out.Tokens.Access, 401)
			// A node that is ahead sweeps what it takes for expired; one that is behind sweeps nothing.
			_, err := in.store.Sweep(t.Context(), time.Now().Add(max(off, 0)).Add(time.Hour), 1000)
			in.must(err)
			s.want(in, "/whoami", out.Tokens.Access, 401)
			again := in.service() // reads the log as it is now
			again.want(in, "/whoami", out.Tokens.Access, 401)
			if got := s.get("/whoami", live.Tokens.Access); got != 200 && got != 401 {
				t.Errorf("another session of hers: %d", got)
			}
			s.want(in, "/whoami", in.signIn("ann", "").Tokens.Access, 200)
			again.want(in, "/whoami", in.signIn("ann", "").Tokens.Access, 200)
		})
	}
}

// A node whose clock is ahead issues tokens of the future: they are refused until their
// time has come. Those of a node that is behind have run out. Neither says anything
// about others.
func TestTokensOfNodesWhoseClocksAreWrong(t *testing.T) {
	in := install(t)
	in.user("ann")
	s := in.service()
	good := in.signIn("ann", "").Tokens.Access
	for _, tt := range []struct {
		name string
		off  time.Duration
		want int
	}{
		{"an hour ahead", time.Hour, 401},
		{"a minute ahead", time.Minute, 401},
		{"within the leeway", 2 * time.Second, 200},
		{"on time", 0, 200},
		{"five minutes behind", -5 * time.Minute, 200},
		{"an hour behind", -time.Hour, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := in.issue(good, tt.off)
			s.want(in, "/whoami", token, tt.want)
			s.want(in, "/whoami", good, 200)
		})
	}
	out := in.signIn("ann", "")
	early, late := in.issue(out.Tokens.Access, -5*time.Minute), in.issue(out.Tokens.Access, 2*time.Second)
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, out.Session.Subject, account.Origin{}))
	for name, token := range map[string]string{"early": early, "late": late} { // whatever its time says
		if s.want(in, "/whoami", token, 401); t.Failed() {
			t.Fatal(name)
		}
	}
}

// issue signs a token's claims again, as a node whose clock is off would have written
// them.
func (in *installation) issue(access string, off time.Duration) string {
	in.Helper()
	c, err := (&token.Verifier{Issuer: in.URL, Keys: in.Keyring.Keys()}).Verify(in.Context(), access)
	in.must(err)
	c.IssuedAt, c.Expiry, c.ID = c.IssuedAt.Add(off), c.Expiry.Add(off), fmt.Sprint(c.ID, off)
	key, err := in.Keyring.Keys().Load().Signing(in.URL, time.Now())
	in.must(err)
	signed, err := key.AccessToken(c)
	in.must(err)
	return signed
}

// A listener is a raw reader of the feed.
type listener struct {
	in     *installation
	ctx    context.Context
	resp   *http.Response
	lines  *bufio.Reader
	cursor string // of the last event
}

// listen opens a stream on a connection of its own.
func (in *installation) listen(ctx context.Context) (*listener, error) {
	l := &listener{in: in, ctx: ctx}
	return l, l.open()
}

func (l *listener) open() error {
	r, err := http.NewRequestWithContext(l.ctx, "GET", l.in.URL+"/auth/revocations", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+l.in.key)
	if l.cursor != "" {
		r.Header.Set("Last-Event-ID", l.cursor)
	}
	resp, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		return err
	}
	switch {
	case resp.StatusCode == 503 && l.cursor != "": // so slow that it could not read its own log
		resp.Body.Close()
		time.Sleep(100 * time.Millisecond)
		return l.open()
	case resp.StatusCode != 200:
		resp.Body.Close()
		return fmt.Errorf("the feed answers %d", resp.StatusCode)
	}
	l.resp, l.lines = resp, bufio.NewReader(resp.Body)
	return nil
}

// upTo reads up to an event of that name whose data contains something. Where the machine
// is so slow that the stream is cut, it goes on from its cursor, as everybody does.
func (l *listener) upTo(event, data string) error {
	for name := ""; ; {
		line, err := l.lines.ReadString('\n')
		if err != nil && l.ctx.Err() == nil {
			l.resp.Body.Close()
			if err := l.open(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if value, ok := strings.CutPrefix(line, "id: "); ok {
			l.cursor = strings.TrimSpace(value)
		}
		if value, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(value)
		}
		if name == event && strings.HasPrefix(line, "data: ") && strings.Contains(line, data) {
			return nil
		}
	}
}

// One process serves many streams. One who reads nothing holds up nobody, and when
// they go nothing stays.
func TestManyStreams(t *testing.T) {
	in := install(t)
	n := testenv.Count(200, 1000)
	in.user("ann")
	goroutines, memory := used()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := make([]*listener, n)
	together(n, func(i int) {
		l, err := in.listen(ctx)
		if err == nil {
			all[i], err = l, l.upTo("beat", "")
		}
		if err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	sloths := make([]*listener, 3) // who read nothing from now on
	for i := range sloths {
		var err error
		if sloths[i], err = in.listen(ctx); err != nil {
			t.Fatal(err)
		}
	}
	open, held := used()
	var longest time.Duration
	rounds, perRound := testenv.Count(2, 10), testenv.Count(200, 1000)
	for range rounds {
		var p revoke.Position
		in.must(in.store.Update(t.Context(), func(tx account.Tx) (err error) {
			entries := make([]revoke.Entry, perRound)
			for i := range entries {
				entries[i] = revoke.Entry{Effect: revoke.Kill, Kind: revoke.Token, ID: fmt.Sprint("t", i), ExpiresAt: time.Now().Add(time.Hour)}
			}
			p, err = tx.Log.Append(t.Context(), entries...)
			return err
		}))
		began := time.Now()
		together(n, func(i int) {
			if err := all[i].upTo("entries", fmt.Sprintf(`{"seq":%d,`, p.Seq)); err != nil {
				t.Error(err)
			}
		})
		longest = max(longest, time.Since(began))
	}
	out := in.signIn("ann", "")
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, out.Session.Subject, account.Origin{}))
	together(n, func(i int) {
		if err := all[i].upTo("entries", fmt.Sprintf(`{"seq":%d,`, in.head().Seq)); err != nil {
			t.Error(err)
		}
	})
	cancel()
	for _, l := range append(all, sloths...) {
		l.resp.Body.Close()
	}
	in.http.CloseClientConnections()
	await(t, func() bool { now, _ := used(); return now < goroutines+n/10 })
	all, sloths = nil, nil
	after, left := used()
	t.Logf("%d streams, %d entries each, one round of %d in %v at most; goroutines %d, %d, %d; MiB in use %d, %d, %d",
		n, rounds*perRound, perRound, longest, goroutines, open, after, memory>>20, held>>20, left>>20)
	if grown := left - memory; grown > 32<<20 { // what is kept to resume from, and the log itself
		t.Errorf("%d MiB stay", grown>>20)
	}
}

// together does something n times at once.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// used is how many goroutines there are, and how many bytes are reachable.
func used() (goroutines int, bytes int64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), int64(m.HeapAlloc)
}
