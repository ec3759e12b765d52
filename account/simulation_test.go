package account_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// The simulation: an installation of two nodes and a verifier in another service, all
// real but for the log, which can also be pruned and restored at will. Actors sign in
// and out, refresh, change passwords and roles; each stops before every transaction,
// before it signs and while it fills a cache, and a seed decides who goes on. After
// every step, what is accepted is compared with what was decided in which order.

// A fault is a mistake planted on purpose: the simulation must find it.
type fault string

const (
	sound          fault = ""
	revAtSigning   fault = "rev is read after everything was verified"
	noKilledSeq    fault = "killed_seq is not looked at"
	noMark         fault = "the mark is taken after the row was read"
	anyLog         fault = "a position of another log counts"
	noFloor        fault = "the floor is not told"
	cachedRoles    fault = "tokens are minted with roles that were read before"
	noOverlays     fault = "a verifier does not look at overlays"
	unacknowledged fault = "a change is answered before it is in force"
	keyByPosition  fault = "the kill of a key is compared with rev"
)

// A world is one run.
type world struct {
	t     testing.TB
	fault fault
	r     *rand.Rand
	step  int
	trace []string
	store *memory.Store
	hash  *password.Hasher
	keys  []*token.SigningKey // the last one signs
	users []account.User
	org   org.Organization

	mu      sync.Mutex
	head    revoke.Head
	entries []revoke.Entry
	killed  map[string]int64 // killed_seq of users
	nonces  int

	nodes  []*station
	others []*station // verifiers
	actors []*actor
	tokens []*issued
	deaths []death
	roles  []change
	began  time.Time
}

// A station is a place where tokens are shown.
type station struct {
	name     string
	service  *account.Service            // nil at a verifier
	feed     atomic.Pointer[revoke.Feed] // empty at a verifier
	follower *revoke.Follower
	auth     *token.Authenticator
	cache    *revoke.Cache[[32]byte, *sallyport.Principal]
}

// An issued token, and when what led to it began.
type issued struct {
	text, refresh         string
	subject, session, org string
	key, log              string
	begun                 int
	stolen                bool // made by a thief who has the key
}

// A death is a revocation that was committed.
type death struct {
	what      string
	matches   func(*issued) bool
	committed int // step
	at        revoke.Position
	acked     *station // has answered
}

// A change of roles: what a subject has in an organization from there on.
type change struct {
	subject, org string
	roles        []string
	at           revoke.Position
}

// An actor does one thing, step by step.
type actor struct {
	name   string
	turn   chan struct{}
	begun  int  // step of its first transaction
	stands bool // waits for its turn, and not for the log
	done   bool
}

func (a *actor) pause() {
	a.stands = true
	<-a.turn
	a.stands = false
}

// begin starts an actor, up to its first stop.
func (w *world) begin(name string, f func(a *actor)) {
	a := &actor{name: fmt.Sprintf("%s#%d", name, w.step), turn: make(chan struct{})}
	w.actors = append(w.actors, a)
	go func() {
		f(a)
		a.done = true
	}()
	synctest.Wait()
}

// goOn lets an actor take one step.
func (w *world) goOn(a *actor) {
	w.note("%s goes on", a.name)
	if a.stands {
		a.turn <- struct{}{}
	} else {
		time.Sleep(time.Second)
	}
	synctest.Wait()
	w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a.done })
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%3d  ", w.step)+fmt.Sprintf(format, args...))
}

// A steppedStore stops an actor before each transaction, and has the world's log.
type steppedStore struct {
	account.Store
	w *world
	a *actor // nil: never stops
}

func (s *steppedStore) stop() {
	if s.a == nil {
		return
	}
	s.a.pause()
	if s.a.begun == 0 {
		s.a.begun = s.w.step
	}
}

func (s *steppedStore) View(ctx context.Context, f func(account.Tx) error) error {
	s.stop()
	return s.Store.View(ctx, func(tx account.Tx) error { return f(s.w.bind(tx, nil)) })
}

func (s *steppedStore) Update(ctx context.Context, f func(account.Tx) error) error {
	s.stop()
	var staged []revoke.Entry
	return s.Store.Update(ctx, func(tx account.Tx) error {
		staged = nil
		if err := f(s.w.bind(tx, &staged)); err != nil {
			return err
		}
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		s.w.entries = append(s.w.entries, staged...)
		s.w.head.Seq += int64(len(staged))
		return nil
	})
}

func (w *world) bind(tx account.Tx, staged *[]revoke.Entry) account.Tx {
	tx.Log = worldLog{w, staged}
	tx.Users = worldUsers{tx.Users, w}
	return tx
}

type worldLog struct {
	w      *world
	staged *[]revoke.Entry
}

func (l worldLog) Head(context.Context) (revoke.Head, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	h := l.w.head
	if l.w.fault == noFloor {
		h.Floor = 0
	}
	return h, nil
}

func (l worldLog) Append(_ context.Context, es ...revoke.Entry) (revoke.Position, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	p := l.w.head.Position
	p.Seq += int64(len(*l.staged))
	for _, e := range es {
		l.w.nonces++
		p.Seq++
		e.Seq, e.Nonce = p.Seq, fmt.Sprint("n", l.w.nonces)
		*l.staged = append(*l.staged, e)
	}
	return p, nil
}

// Renew is not used: a restore of the world gives its log a new name.
func (l worldLog) Renew(context.Context, string) (revoke.Position, error) {
	panic("the world renames its log by itself")
}

func (l worldLog) Read(_ context.Context, after int64, limit int) (out []revoke.Entry, err error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for _, e := range l.w.entries {
		if e.Seq > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

// worldUsers has a killed_seq that a restore takes back.
type worldUsers struct {
	account.Users
	w *world
}

func (u worldUsers) known(user account.User, err error) (account.User, error) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	user.KilledSeq = u.w.killed[user.ID]
	if u.w.fault == noKilledSeq {
		user.KilledSeq = 0
	}
	return user, err
}

func (u worldUsers) ByID(ctx context.Context, id string) (account.User, error) {
	return u.known(u.Users.ByID(ctx, id))
}

func (u worldUsers) ByUsername(ctx context.Context, n string) (account.User, error) {
	return u.known(u.Users.ByUsername(ctx, n))
}

func (u worldUsers) Lock(ctx context.Context, id string) (account.User, error) {
	return u.known(u.Users.Lock(ctx, id))
}

func (u worldUsers) SetKilledSeq(_ context.Context, id string, seq int64) error {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	u.w.killed[id] = max(u.w.killed[id], seq)
	return nil
}

var worldQuiet = slog.New(slog.DiscardHandler)

func newWorld(t testing.TB, seed uint64, f fault) *world {
	w := &world{t: t, fault: f, r: rand.New(rand.NewPCG(seed, 7)), store: memory.New(), hash: &password.Hasher{Params: password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true}}, killed: map[string]int64{}, began: time.Now()}
	w.head.Log = "log0"
	w.newKey()
	for i := range 2 {
		w.nodes = append(w.nodes, w.node(fmt.Sprint("node", i)))
	}
	w.others = []*station{w.verifier(0), w.verifier(1)}
	s := w.nodes[0].service
	w.must(s.EnsureRoles(t.Context(), []authz.Role{{Name: account.AdminRole, Permissions: []string{"*"}}, {Name: "member", Permissions: []string{"post:create"}}, {Name: "moderator", Permissions: []string{"post:delete"}}}))
	var err error
	w.org, err = s.CreateOrganization(t.Context(), account.NewOrganization{Slug: "club"}, account.Origin{})
	w.must(err)
	for i := range 2 {
		u, err := s.Add(t.Context(), account.Registration{Username: fmt.Sprint("user", i), Password: pass, Roles: []string{"member"}}, account.Origin{})
		w.must(err)
		w.must(s.AddMember(t.Context(), w.org.ID, u.ID, account.Origin{}))
		w.users = append(w.users, u)
		w.roles = append(w.roles, change{u.ID, "", []string{"member"}, w.head.Position}, change{u.ID, w.org.ID, nil, w.head.Position})
	}
	w.settle()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newKey() {
	k, err := token.Generate(token.EdDSA)
	w.must(err)
	w.keys = append(w.keys, k)
}

// Key implements [token.KeySource] over all keys that there ever were: which is dead
// is for the log to say.
func (w *world) Key(_ context.Context, kid string) (*token.Key, error) {
	for _, k := range w.keys {
		if k.ID() == kid {
			return k.Public(), nil
		}
	}
	return nil, token.ErrUnknownKey
}

func (w *world) signing() *token.SigningKey { return w.keys[len(w.keys)-1] }

func (w *world) read(ctx context.Context, f func(revoke.Log) error) error {
	return f(worldLog{w: w})
}

// sign is the node's signing, before which its process may freeze.
func (w *world) sign(a *actor) func(*token.Claims) (string, error) {
	first := map[string][]string{}
	return func(c *token.Claims) (string, error) {
		if a != nil {
			a.pause()
		}
		switch w.fault {
		case revAtSigning:
			c.Rev = w.head.Position.String()
		case cachedRoles:
			if first[c.Subject] == nil {
				first[c.Subject] = []string{"member"}
			}
			c.Roles = first[c.Subject]
		}
		return w.signing().AccessToken(c)
	}
}

func (w *world) node(name string) *station {
	st := &station{name: name}
	st.service = &account.Service{
		Store: &steppedStore{Store: w.store, w: w}, Passwords: w.hash, Sign: w.sign(nil), Issuer: issuer, Log: worldQuiet,
		Limits:    &limit.SignIn{Key: []byte("0123456789abcdef0123456789abcdef"), PerName: 1 << 20, InARow: 1 << 20, PerAddress: 1 << 20},
		Codes:     &limit.Tries{Purpose: "codes", Free: 5, Key: []byte("0123456789abcdef0123456789abcdef")},
		Refreshes: &token.RefreshTokens{Current: 1, Key: func(uint32) ([]byte, bool) { return []byte("0123456789abcdef0123456789abcdef"), true }},
	}
	w.follow(st)
	return st
}

// follow starts the node's reading of the log, as a new process does.
func (w *world) follow(st *station) {
	if st.follower != nil {
		st.feed.Load().Close()
		st.follower.Close()
	}
	var err error
	st.follower, err = revoke.Follow(w.t.Context(), revoke.Config{Read: w.read, Log: worldQuiet})
	w.must(err)
	feed, err := revoke.NewFeed(st.follower, revoke.FeedConfig{Read: w.read, Key: []byte("0123456789abcdef"), Log: worldQuiet})
	w.must(err)
	st.feed.Store(feed)
	st.service.Follower = st.follower
	w.authenticator(st, func(_ context.Context, p *sallyport.Principal) error {
		standing, err := st.service.Standing(context.Background(), p.Subject, p.Org)
		p.Org, p.Roles, p.OrgRoles = standing.Org, standing.Roles, standing.OrgRoles
		return err
	})
}

type actorKey struct{}

// stop stops the actor that ctx is of, if it is anybody's.
func stop(ctx context.Context) {
	if a, ok := ctx.Value(actorKey{}).(*actor); ok {
		a.pause()
	}
}

func (w *world) authenticator(st *station, complete func(context.Context, *sallyport.Principal) error) {
	st.cache = revoke.NewCache[[32]byte, *sallyport.Principal](st.follower, 64)
	st.auth = &token.Authenticator{
		Verifier: &token.Verifier{Issuer: issuer, Keys: w}, Follower: st.follower, Cache: token.NewCache(st.follower, 64),
		Complete: func(ctx context.Context, p *sallyport.Principal) error {
			stop(ctx)
			err := complete(ctx, p)
			stop(ctx)
			return err
		},
	}
	if w.fault == noMark || w.fault == anyLog || w.fault == keyByPosition {
		st.auth.Cache = nil
	}
	if w.fault == anyLog || w.fault == keyByPosition {
		st.auth.Follower = nil
	}
}

// authenticate is what happens to a token that is shown there.
func (w *world) authenticate(ctx context.Context, st *station, text string) (*sallyport.Principal, error) {
	c := sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: text}
	switch w.fault {
	case noMark:
		var key [32]byte
		copy(key[:], text[len(text)-32:])
		if p, ok, err := st.cache.Get(key, time.Now()); ok || err != nil {
			return p, err
		}
		p, err := st.auth.Authenticate(ctx, c)
		if err != nil {
			return nil, err
		}
		claims, err := st.auth.Verifier.Verify(ctx, text)
		if err != nil {
			return nil, err
		}
		mark, err := st.follower.Mark()
		if err == nil {
			st.cache.Put(key, p, mark, claimed(claims), claims.Expiry)
		}
		return p, err
	case anyLog, keyByPosition:
		claims, err := st.auth.Verifier.Verify(ctx, text)
		if err != nil {
			return nil, err
		}
		rev, _ := revoke.ParsePosition(claims.Rev)
		ids := claimed(claims)
		if w.fault == anyLog {
			rev.Log = st.follower.Cursor().Log
		} else if rev.Seq > st.follower.Cursor().Seq {
			ids.Key = ""
		}
		if err := st.follower.Dead(rev, ids); errors.Is(err, revoke.ErrRevoked) {
			return nil, sallyport.ErrInvalidCredential
		} else if err != nil {
			return nil, err
		}
	}
	return st.auth.Authenticate(ctx, c)
}

func claimed(c *token.Claims) revoke.IDs {
	return revoke.IDs{Token: c.ID, Session: c.Session, Subject: c.Subject, Org: c.Org, Client: c.ClientID, Key: c.KeyID}
}

// verifier follows the feed of one node and, when that is cut, of the other.
func (w *world) verifier(i int) *station {
	st := &station{name: fmt.Sprint("verifier", i)}
	w.must(w.subscribe(st))
	return st
}

// subscribe starts the verifier's following of the feed, as a new process does.
func (w *world) subscribe(st *station) error {
	if st.follower != nil {
		st.follower.Close()
	}
	attempt := w.r.IntN(2)
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	f, err := revoke.Subscribe(ctx, revoke.Subscription{Log: worldQuiet, Connect: func(ctx context.Context, cursor string) (io.ReadCloser, error) {
		attempt++
		frames := w.nodes[attempt%2].feed.Load().Frames(ctx, cursor)
		r, out := io.Pipe()
		go func() {
			for f, err := range frames {
				if err == nil {
					_, err = out.Write(f.Text())
				}
				if err != nil {
					out.CloseWithError(err)
					return
				}
			}
		}()
		return r, nil
	}})
	if err != nil {
		return fmt.Errorf("%s cannot start: %w", st.name, err)
	}
	st.follower = f
	w.authenticator(st, func(_ context.Context, p *sallyport.Principal) error {
		if w.fault == noOverlays {
			return nil
		}
		rev, err := revoke.ParsePosition(p.Rev)
		if err != nil {
			return err
		}
		if roles, changed, err := st.follower.Roles(rev, p.Subject, ""); err != nil {
			return err
		} else if changed {
			p.Roles = roles
		}
		if p.Org == "" {
			return nil
		}
		roles, changed, err := st.follower.Roles(rev, p.Subject, p.Org)
		if changed {
			p.OrgRoles = roles
		}
		return err
	})
	return nil
}

func (w *world) stations() []*station { return append(slices.Clone(w.nodes), w.others...) }

// settle lets everybody hear of everything.
func (w *world) settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

// issue remembers what was handed out by what had begun then.
func (w *world) issue(t *account.Tokens, subject, session, organization string, begun int) {
	c, err := (&token.Verifier{Issuer: issuer, Keys: w}).Verify(w.t.Context(), t.Access)
	w.must(err)
	log, _, _ := strings.Cut(c.Rev, ".")
	w.tokens = append(w.tokens, &issued{t.Access, t.Refresh, subject, session, organization, c.KeyID, log, begun, false})
}

// die remembers that what matches and began before now is dead.
func (w *world) die(what string, st *station, err error, matches func(*issued) bool) {
	if err != nil && !strings.Contains(err.Error(), "following the log") {
		w.note("%s: %v", what, err)
		return
	}
	d := death{what: what, matches: matches, committed: w.step, at: w.head.Position}
	if err == nil {
		d.acked = st
	}
	w.note("%s: done, at %v", what, d.at)
	w.deaths = append(w.deaths, d)
}

// operation begins something that somebody does.
func (w *world) operation() {
	st, u := w.nodes[w.r.IntN(2)], w.users[w.r.IntN(len(w.users))]
	dice, o, ctx := w.r.IntN(100), account.Origin{}, context.Background()
	role, in := []string{"member", "moderator"}[w.r.IntN(2)], []string{"", w.org.ID}[w.r.IntN(2)]
	if dice >= 30 && len(w.tokens) == 0 {
		dice = 0
	}
	var tok *issued
	if len(w.tokens) > 0 {
		tok = w.tokens[w.r.IntN(len(w.tokens))]
	}
	run := func(name string, f func(s *account.Service, a *actor)) {
		w.note("%s begins on %s for %s", name, st.name, u.Username)
		w.begin(name, func(a *actor) {
			s := *st.service
			s.Store, s.Sign = &steppedStore{Store: w.store, w: w, a: a}, w.sign(a)
			if w.fault == unacknowledged {
				s.Follower = w.nodes[0].follower
			}
			f(&s, a)
		})
	}
	switch {
	case dice < 30:
		run("sign-in", func(s *account.Service, a *actor) {
			out, err := s.SignIn(ctx, account.SignIn{Identifier: u.Username, Password: pass, Org: in, WithTokens: true}, o)
			if err == nil {
				w.issue(out.Tokens, u.ID, out.Session.ID, in, a.begun)
			}
		})
	case dice < 55 && tok.refresh != "":
		run("refresh", func(s *account.Service, _ *actor) {
			t, err := s.Refresh(ctx, tok.refresh, account.FirstParty, o)
			if err == nil {
				w.issue(t, tok.subject, tok.session, tok.org, tok.begun) // whatever ended the session ends what comes of it
			} else if strings.Contains(err.Error(), "reused") {
				w.die("reuse", st, nil, func(t *issued) bool { return t.session == tok.session })
			}
		})
	case dice < 63:
		run("sign-out", func(s *account.Service, _ *actor) {
			err := s.EndSession(ctx, tok.session, "", o)
			w.die("sign-out", st, err, func(t *issued) bool { return t.session == tok.session && !t.stolen })
		})
	case dice < 66:
		run("sign-out everywhere", func(s *account.Service, _ *actor) {
			err := s.SignOut(ctx, &sallyport.Principal{Kind: sallyport.User, Subject: u.ID, Session: tok.session}, true, o)
			w.die("sign-out everywhere", st, err, func(t *issued) bool { return t.subject == u.ID && !t.stolen })
		})
	case dice < 74:
		run("reset", func(s *account.Service, _ *actor) {
			err := s.SetPassword(ctx, u.ID, pass, o)
			w.die("reset", st, err, func(t *issued) bool { return t.subject == u.ID && !t.stolen })
		})
	case dice < 84:
		run("assign "+role+in, func(s *account.Service, _ *actor) { w.changed(u.ID, in, s.Assign(ctx, u.ID, role, in, o)) })
	case dice < 94:
		run("unassign "+role+in, func(s *account.Service, _ *actor) { w.changed(u.ID, in, s.Unassign(ctx, u.ID, role, in, o)) })
	case dice < 97: // a thief has the key, and writes what he likes
		c := &token.Claims{
			Issuer: issuer, Audience: []string{issuer}, Subject: u.ID, ClientID: account.FirstParty, ID: fmt.Sprint("stolen", w.step), Session: fmt.Sprint("none", w.step),
			IssuedAt: time.Now(), Expiry: time.Now().Add(15 * time.Minute), Rev: fmt.Sprintf("%s.%d", w.head.Log, int64(1)<<40),
		}
		text, err := w.signing().AccessToken(c)
		w.must(err)
		w.note("a thief signs")
		w.tokens = append(w.tokens, &issued{text, "", u.ID, c.Session, "", w.signing().ID(), w.head.Log, w.step, true})
	default:
		old := w.signing().ID()
		w.newKey()
		run("kill of a key", func(s *account.Service, _ *actor) {
			err := s.Store.Update(ctx, func(tx account.Tx) error {
				_, err := tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Kill, Kind: revoke.Key, ID: old, ExpiresAt: time.Now().Add(24 * time.Hour)})
				return err
			})
			if err == nil {
				err = s.CatchUp(ctx, w.head.Position)
			}
			w.die("kill of a key", st, err, func(t *issued) bool { return t.key == old })
		})
	}
}

// changed remembers what roles a subject has from now on.
func (w *world) changed(subject, in string, err error) {
	if err != nil && !strings.Contains(err.Error(), "following the log") {
		return
	}
	w.must(w.store.View(context.Background(), func(tx account.Tx) error {
		roles, err := tx.Roles.Assigned(context.Background(), subject, in)
		w.roles = append(w.roles, change{subject, in, roles, w.head.Position})
		w.note("roles of %s in %q: %v, at %v", subject, in, roles, w.head.Position)
		return err
	}))
}

// prune hides the oldest entries, as a sweeper does whose clock is wrong: whoever
// reads the log from now on never hears of them. The kill of a key stays: no floor
// stops who writes the position himself.
func (w *world) prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.entries) == 0 {
		return
	}
	last := w.entries[w.r.IntN(len(w.entries))].Seq
	w.entries = slices.DeleteFunc(slices.Clone(w.entries), func(e revoke.Entry) bool {
		gone := e.Seq <= last && e.Kind != revoke.Key
		if gone {
			w.head.Floor = e.Seq
		}
		return gone
	})
	w.note("pruned up to %d", w.head.Floor)
}

// restore takes the log back, under another id; sessions and families end.
func (w *world) restore() {
	w.mu.Lock()
	at := w.r.Int64N(w.head.Seq + 1)
	w.head.Log, w.head.Seq, w.head.Floor = fmt.Sprintf("log%d", w.step), at, min(w.head.Floor, at)
	w.entries = slices.DeleteFunc(slices.Clone(w.entries), func(e revoke.Entry) bool { return e.Seq > at })
	for u, seq := range w.killed {
		w.killed[u] = min(seq, at)
	}
	w.mu.Unlock()
	w.note("restored to %v", w.head.Position)
	w.must(w.store.Update(context.Background(), func(tx account.Tx) error {
		for _, u := range w.users {
			if err := tx.Families.EndSubject(context.Background(), u.ID, "", "restored", time.Now()); err != nil {
				return err
			}
			if _, err := tx.Sessions.EndAll(context.Background(), u.ID, ""); err != nil {
				return err
			}
		}
		return nil
	}))
}

// age orders logs: each is named for the step that it began with.
func age(log string) (n int) {
	fmt.Sscanf(log, "log%d", &n)
	return n
}

// passed reports whether a station that is at cur has heard of what is at p.
func passed(cur, p revoke.Position) bool {
	return age(cur.Log) > age(p.Log) || cur.Log == p.Log && cur.Seq >= p.Seq
}

// mayHave are the roles that a subject has had at some moment since a station's cursor.
func (w *world) mayHave(cur revoke.Position, subject, in string) (roles []string) {
	for _, c := range w.roles {
		if c.subject != subject || c.org != in {
			continue
		}
		if passed(cur, c.at) {
			roles = nil // it is past what was before
		}
		roles = append(roles, c.roles...)
	}
	return roles
}

// check shows a token somewhere, and returns what is wrong with the answer.
func (w *world) check(st *station, t *issued) error {
	cur := st.follower.Cursor()
	p, err := w.authenticate(context.Background(), st, t.text)
	return w.judge(st, t, cur, w.step, p, err)
}

// judge says what is wrong with an answer that was begun at a step, when the station
// was at cur.
func (w *world) judge(st *station, t *issued, cur revoke.Position, step int, p *sallyport.Principal, err error) error {
	if err != nil {
		if errors.Is(err, revoke.ErrStale) && st.follower.Age() <= 5*time.Second {
			return fmt.Errorf("%s says that it is stale, and is not", st.name)
		}
		return nil
	}
	if t.log != cur.Log {
		return fmt.Errorf("%s at %v accepts a token of %s", st.name, cur, t.log)
	}
	for _, d := range w.deaths {
		known := d.acked == st && d.committed <= step || d.at.Log == cur.Log && passed(cur, d.at)
		if known && (d.committed >= t.begun || d.what == "kill of a key") && d.matches(t) && d.at.Log == t.log {
			return fmt.Errorf("%s at %v accepts a token of session %s, begun in step %d, after %s in step %d at %v", st.name, cur, t.session, t.begun, d.what, d.committed, d.at)
		}
	}
	if t.stolen {
		return nil
	}
	if extra := without(p.Roles, w.mayHave(cur, t.subject, "")); len(extra) > 0 {
		return fmt.Errorf("%s at %v accepts roles %v of %s", st.name, cur, extra, t.subject)
	}
	if extra := without(p.OrgRoles, w.mayHave(cur, t.subject, t.org)); t.org != "" && len(extra) > 0 {
		return fmt.Errorf("%s at %v accepts roles %v of %s in the organization", st.name, cur, extra, t.subject)
	}
	return nil
}

// without are those that allowed does not have.
func without(roles, allowed []string) (extra []string) {
	for _, r := range roles {
		if !slices.Contains(allowed, r) {
			extra = append(extra, r)
		}
	}
	return extra
}

// fill shows a token, in steps.
func (w *world) fill(failed *error) {
	all := w.stations()
	st, t := all[w.r.IntN(len(all))], w.tokens[w.r.IntN(len(w.tokens))]
	w.note("a token of step %d is shown at %s", t.begun, st.name)
	w.begin("request", func(a *actor) {
		cur, step, follower := st.follower.Cursor(), w.step, st.follower
		p, err := w.authenticate(context.WithValue(context.Background(), actorKey{}, a), st, t.text)
		if follower != st.follower {
			return // that process is no more
		}
		if err := w.judge(st, t, cur, step, p, err); err != nil && *failed == nil {
			*failed = err
		}
	})
}

// act takes one step.
func (w *world) act(failed *error) {
	switch dice := w.r.IntN(100); {
	case dice < 55 && len(w.actors) > 0:
		w.goOn(w.actors[w.r.IntN(len(w.actors))])
	case dice < 75:
		w.operation()
	case dice < 85 && len(w.tokens) > 0:
		w.fill(failed)
	case dice < 92:
		d := time.Duration(w.r.IntN(1500)) * time.Millisecond
		w.note("%v pass", d)
		time.Sleep(d)
		synctest.Wait()
	case dice < 95:
		w.prune()
	case dice < 98:
		st := w.others[w.r.IntN(len(w.others))]
		w.note("%s starts anew", st.name)
		if err := w.subscribe(st); err != nil {
			*failed = err
		}
	case dice < 99 && len(w.actors) == 0:
		st := w.nodes[w.r.IntN(len(w.nodes))]
		w.note("%s starts anew", st.name)
		w.follow(st)
	case dice == 99:
		w.restore()
	}
	synctest.Wait()
}

// run returns what went wrong, if anything.
func (w *world) run(steps int) (failed error) {
	defer w.close()
	for w.step = 1; w.step <= steps; w.step++ {
		w.act(&failed)
		all := w.stations()
		w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a.done })
		for range 8 {
			if failed == nil && len(w.tokens) > 0 {
				failed = w.check(all[w.r.IntN(len(all))], w.tokens[w.r.IntN(len(w.tokens))])
			}
		}
		if failed != nil {
			return failed
		}
	}
	for len(w.actors) > 0 {
		w.goOn(w.actors[0])
		w.step++
		if failed != nil {
			return failed
		}
	}
	w.settle()
	return w.agreed()
}

// agreed checks that in the end all know the same, and refuse nobody for nothing.
func (w *world) agreed() error {
	for _, u := range w.users {
		s := w.nodes[0].service
		in := account.SignIn{Identifier: u.Username, Password: pass, Org: w.org.ID, WithTokens: true}
		out, err := s.SignIn(context.Background(), in, account.Origin{})
		if limited := (*account.LimitError)(nil); errors.As(err, &limited) { // by sign-ins that a reset was faster than
			time.Sleep(limited.Wait)
			out, err = s.SignIn(context.Background(), in, account.Origin{})
		}
		if err != nil {
			return fmt.Errorf("in the end %s cannot sign in: %w", u.Username, err)
		}
		w.issue(out.Tokens, u.ID, out.Session.ID, w.org.ID, w.step)
		if out.Tokens, err = s.Refresh(context.Background(), out.Tokens.Refresh, account.FirstParty, account.Origin{}); err != nil {
			return fmt.Errorf("in the end %s cannot refresh: %w", u.Username, err)
		}
		w.issue(out.Tokens, u.ID, out.Session.ID, w.org.ID, w.step)
	}
	for _, t := range w.tokens {
		dead := t.log != w.head.Log
		for _, d := range w.deaths {
			dead = dead || d.matches(t) && (d.committed >= t.begun || d.what == "kill of a key")
		}
		var floor bool
		if c, err := (&token.Verifier{Issuer: issuer, Keys: w}).Verify(context.Background(), t.text); err == nil {
			p, _ := revoke.ParsePosition(c.Rev)
			floor = p.Seq < w.head.Floor
		}
		for _, st := range w.stations() {
			if err := w.check(st, t); err != nil {
				return err
			}
			p, err := w.authenticate(context.Background(), st, t.text)
			switch {
			case dead || floor:
			case err != nil:
				return fmt.Errorf("in the end %s refuses a token of step %d: %w", st.name, t.begun, err)
			case !t.stolen && (!same(p.Roles, w.mayHave(w.head.Position, t.subject, "")) || t.org != "" && !same(p.OrgRoles, w.mayHave(w.head.Position, t.subject, t.org))):
				return fmt.Errorf("in the end %s accepts a token of step %d with roles %v and %v", st.name, t.begun, p.Roles, p.OrgRoles)
			}
		}
	}
	return nil
}

func same(a, b []string) bool { return len(without(a, b)) == 0 && len(without(b, a)) == 0 }

// close lets every goroutine end.
func (w *world) close() {
	for _, st := range w.others {
		st.follower.Close()
	}
	for _, st := range w.nodes {
		st.feed.Load().Close()
		st.follower.Close()
	}
	for len(w.actors) > 0 {
		w.goOn(w.actors[0])
	}
}

// simulate runs a seed, and returns what went wrong, with the steps that led to it.
func simulate(t *testing.T, seed uint64, f fault, steps int) (trace []string, failed error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, f)
		failed = w.run(steps)
		trace = w.trace
		if failed != nil {
			trace = append(trace, fmt.Sprintf("%3d  %v", w.step, failed))
		}
	})
	return trace, failed
}

const worldSteps = 150

func TestSimulation(t *testing.T) {
	for seed := range uint64(testenv.Count(20, 500)) {
		if trace, err := simulate(t, seed, sound, worldSteps); err != nil {
			for next := seed + 1; next < seed+200; next++ { // another one may show it in fewer steps
				if shorter, e := simulate(t, next, sound, min(worldSteps, len(trace))); e != nil && len(shorter) < len(trace) {
					seed, err, trace = next, e, shorter
				}
			}
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(trace, "\n"))
		}
	}
}

// A simulation that finds nothing shows something only if it finds what is there.
func TestTheSimulationFindsFaults(t *testing.T) {
	for _, f := range []fault{revAtSigning, noKilledSeq, noMark, anyLog, noFloor, cachedRoles, noOverlays, unacknowledged, keyByPosition} {
		t.Run(string(f), func(t *testing.T) {
			for seed := range uint64(300) {
				if trace, err := simulate(t, seed, f, worldSteps); err != nil {
					t.Logf("seed %d, after %d lines: %v", seed, len(trace), err)
					return
				}
			}
			t.Error("not found")
		})
	}
}
