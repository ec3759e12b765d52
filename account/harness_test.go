package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/keyring"
	"github.com/sallyport-auth/sallyport/store/memory"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

const (
	issuer = "https://id.example"
	pass   = "plums ripen late in august"
	pass2  = "a heron stands in the river"
)

var client = netip.MustParseAddr("192.0.2.7")

// A backend is where accounts live. start makes an empty one, and the function
// that it returns opens it: again and again, as other nodes do.
type backend struct {
	name  string
	start func(t testing.TB) func(t testing.TB) account.Store
}

var backends = []backend{
	{"memory", func(testing.TB) func(testing.TB) account.Store {
		s := memory.New()
		return func(testing.TB) account.Store { return s }
	}},
	{"sqlite", func(t testing.TB) func(testing.TB) account.Store {
		path := filepath.Join(t.TempDir(), "accounts.db")
		return func(t testing.TB) account.Store {
			db, err := sqlite.Open(path)
			return opened(t, db, err)
		}
	}},
	{"postgres", func(t testing.TB) func(testing.TB) account.Store {
		dsn := testdb.Postgres(t, sqldb.Key(), func(ctx context.Context, dsn string) error {
			_, err := postgres.Migrate(ctx, dsn)
			return err
		})
		return func(t testing.TB) account.Store {
			db, err := postgres.Open(t.Context(), dsn)
			return opened(t, db, err)
		}
	}},
}

func opened(t testing.TB, s account.Store, err error) account.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// everywhere runs a test on every back end.
func everywhere(t *testing.T, f func(*testing.T, *house)) {
	t.Helper()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			f(t, newHouse(t, b))
		})
	}
}

// A house is an installation: a back end and the keys to it.
type house struct {
	*node
	backend string
	open    func(testing.TB) account.Store
	sealer  *secret.Sealer
}

func newHouse(t *testing.T, b backend) *house {
	t.Helper()
	sealer, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{backend: b.name, open: b.start(t), sealer: sealer}
	h.node = h.start(t)
	return h
}

// A node is one process of an installation.
type node struct {
	*account.Service
	ring *keyring.Keyring
	t    testing.TB
}

// start starts a node of its own on the house's back end, with the roles admin,
// moderator and member. It is as quick as a node can be.
func (h *house) start(t testing.TB) *node {
	t.Helper()
	store := h.open(t)
	n := &node{t: t}
	n.ring = &keyring.Keyring{Store: store, Sealer: h.sealer, Schedule: token.Schedule{Resources: []token.Resource{
		{Audience: "https://hs.example", Alg: token.HS256}, {Audience: "https://es.example", Alg: token.ES256},
	}}}
	follower, err := revoke.Follow(t.Context(), revoke.Config{
		Read: func(ctx context.Context, f func(revoke.Log) error) error {
			return store.View(ctx, func(tx account.Tx) error { return f(tx.Log) })
		},
		Watch: func(ctx context.Context, e revoke.Entry) error {
			if e.Kind == revoke.Key {
				return n.ring.Reload(ctx)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(follower.Close)
	if _, err := n.ring.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.ring.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.Service = &account.Service{
		Store: store, Follower: follower,
		Passwords: &password.Hasher{Params: password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true}},
		Passkeys:  &passkey.Party{ID: "id.example", Name: "Orchard", Origins: []string{issuer}},
		Limits:    &limit.SignIn{Key: h.sealer.Derive("limits"), PerAddress: 1 << 20},
		Codes:     &limit.Tries{Key: h.sealer.Derive("codes"), Purpose: "codes", Free: 5},

		MailedCodes: &limit.Tries{Key: h.sealer.Derive("codes"), Purpose: "mailed codes", Free: 5},
		Asked:       &limit.Tries{Key: h.sealer.Derive("codes"), Purpose: "messages", Free: 3},
		AskedFrom:   &limit.Tries{Key: h.sealer.Derive("codes"), Purpose: "messages of a client", Free: 1 << 20},
		Kept:        &limit.Tries{Key: h.sealer.Derive("codes"), Purpose: "requests of clients", Free: 1 << 20},
		Refreshes:   &token.RefreshTokens{Current: 1, Key: func(v uint32) ([]byte, bool) { return h.sealer.Derive("refresh"), v == 1 }},
		Sign:        n.ring.Keys().AccessToken, Schedule: n.ring.Schedule, Issuer: issuer, Sealer: h.sealer, Pages: issuer + "/auth",
		ServiceName: "Orchard", DefaultRoles: []string{"member"},
	}
	n.must(n.EnsureRoles(t.Context(), []authz.Role{
		{Name: account.AdminRole, Permissions: []string{"*"}},
		{Name: "member", Permissions: []string{"post:create"}},
		{Name: "moderator", Permissions: []string{"post:delete"}, Inherits: []string{"member"}},
	}))
	return n
}

// on returns the node, as one test sees it.
func (n *node) on(t testing.TB) *node { return &node{n.Service, n.ring, t} }

// beside returns a service like the node's on another store, such as one that
// fails or waits.
func (n *node) beside(s account.Store) *account.Service {
	other := *n.Service
	other.Store = s
	return &other
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// wants checks that err is the one wanted; nil wants none.
func (n *node) wants(err, want error, what string, args ...any) {
	n.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		n.t.Errorf("%s: got error %v, want %v", fmt.Sprintf(what, args...), err, want)
	}
}

func (n *node) view(f func(account.Tx) error) {
	n.t.Helper()
	n.must(n.Store.View(n.t.Context(), f))
}

func (n *node) update(f func(account.Tx) error) {
	n.t.Helper()
	n.must(n.Store.Update(n.t.Context(), f))
}

var names atomic.Int64

// newName returns a user name that nobody has had.
func newName() string { return fmt.Sprintf("user%d", names.Add(1)) }

// origin is a client, and an actor unless "".
func origin(actor string) account.Origin {
	return account.Origin{Actor: actor, Address: client, UserAgent: "browser", Trace: "trace"}
}

// member registers somebody, who gets tokens.
func (n *node) member() *account.SignedIn { return n.named(newName()) }

func (n *node) named(name string) *account.SignedIn {
	n.t.Helper()
	out, err := n.Register(n.t.Context(), account.Registration{Username: name, Password: pass}, account.SignIn{WithTokens: true}, origin(""))
	n.must(err)
	return out
}

// admin adds an administrator, who is not signed in.
func (n *node) admin() account.User {
	n.t.Helper()
	u, err := n.Add(n.t.Context(), account.Registration{Username: newName(), Password: pass, Roles: []string{account.AdminRole}}, origin(""))
	n.must(err)
	return u
}

// again signs the user in once more, with tokens or a cookie.
func (n *node) again(u account.User, withTokens bool) *account.SignedIn {
	n.t.Helper()
	out, err := n.SignIn(n.t.Context(), account.SignIn{Identifier: u.Username, Password: pass, WithTokens: withTokens}, origin(""))
	n.must(err)
	return out
}

// by is the principal behind what a sign-in handed out.
func by(s *account.SignedIn) *sallyport.Principal {
	return &sallyport.Principal{Kind: sallyport.User, Subject: s.User.ID, Session: s.Session.ID, Roles: s.Roles}
}

func (n *node) refresh(t *account.Tokens) (*account.Tokens, error) {
	return n.Refresh(n.t.Context(), t.Refresh, account.FirstParty, origin(""))
}

// claims verifies an access token.
func (n *node) claims(access string) *token.Claims {
	n.t.Helper()
	c, err := (&token.Verifier{Issuer: issuer, Keys: n.ring.Keys()}).Verify(n.t.Context(), access)
	n.must(err)
	return c
}

// dead asks the log about an access token, as door one does.
func (n *node) dead(access string) error {
	n.t.Helper()
	c := n.claims(access)
	p, err := revoke.ParsePosition(c.Rev)
	n.must(err)
	return n.Follower.Dead(p, revoke.IDs{Token: c.ID, Session: c.Session, Grant: c.Grant, Subject: c.Subject, Client: c.ClientID, Key: c.KeyID})
}

// alive checks that everything a sign-in handed out works, or that nothing does.
func (n *node) alive(s *account.SignedIn, want bool, what string) {
	n.t.Helper()
	if got := n.hasSession(s); got != want {
		n.t.Errorf("%s: session is there: %v, want %v", what, got, want)
	}
	if s.Tokens == nil {
		return
	}
	if err := n.dead(s.Tokens.Access); (err == nil) != want || err != nil && !errors.Is(err, revoke.ErrRevoked) {
		n.t.Errorf("%s: access token: %v, want alive: %v", what, err, want)
	}
	next, err := n.refresh(s.Tokens)
	if (err == nil) != want || err != nil && !errors.Is(err, account.ErrInvalidToken) {
		n.t.Errorf("%s: refresh token: %v, want alive: %v", what, err, want)
	}
	if err == nil {
		s.Tokens = next
	} else if n.rotates(s.Tokens) {
		n.t.Errorf("%s: refused, but the family itself goes on", what)
	}
}

// rotates reports whether the family would rotate, were it not for the user and
// the session.
func (n *node) rotates(t *account.Tokens) bool {
	n.t.Helper()
	errUndo := errors.New("undo")
	rt, err := n.Refreshes.Parse(t.Refresh)
	n.must(err)
	err = n.Store.Update(n.t.Context(), func(tx account.Tx) error {
		_, err := tx.Families.Rotate(n.t.Context(), token.Rotation{
			Family: rt.Family, Counter: rt.Counter, Client: account.FirstParty, Now: time.Now(), Leeway: time.Minute,
		})
		if err == nil {
			err = errUndo
		}
		return err
	})
	if !errors.Is(err, errUndo) && !errors.Is(err, token.ErrNotFound) {
		n.t.Error(err)
	}
	return errors.Is(err, errUndo)
}

func (n *node) hasSession(s *account.SignedIn) bool {
	n.t.Helper()
	all, err := n.Sessions(n.t.Context(), s.User.ID)
	n.must(err)
	return slices.ContainsFunc(all, func(have session.Session) bool { return have.ID == s.Session.ID })
}

// audited returns the entries of an action on a target ("" = any), newest first.
func (n *node) audited(action, target string) []audit.Entry {
	n.t.Helper()
	es, err := n.Audit(n.t.Context(), audit.Filter{Action: action, Target: target})
	n.must(err)
	return es
}

// head is the newest position of the log.
func (n *node) head() (p revoke.Position) {
	n.t.Helper()
	n.view(func(tx account.Tx) error {
		h, err := tx.Log.Head(n.t.Context())
		p = h.Position
		return err
	})
	return p
}

// entries are those after a position.
func (n *node) entries(after revoke.Position) (es []revoke.Entry) {
	n.t.Helper()
	n.view(func(tx account.Tx) (err error) {
		es, err = tx.Log.Read(n.t.Context(), after.Seq, 1000)
		return err
	})
	return es
}

// obeys checks that the node obeys everything that is committed.
func (n *node) obeys(what string) {
	n.t.Helper()
	if head, cursor := n.head(), n.Follower.Cursor(); cursor.Log != head.Log || cursor.Seq < head.Seq {
		n.t.Errorf("%s returned before its entry is obeyed: the log ends at %v, the cursor is at %v", what, head, cursor)
	}
}

// together runs all functions at once and waits for them.
func together(fs ...func()) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for _, f := range fs {
		all.Go(func() {
			<-start
			f()
		})
	}
	close(start)
	all.Wait()
}

// many runs f(0) to f(n-1) at once and waits for them.
func many(n int, f func(i int)) {
	fs := make([]func(), n)
	for i := range fs {
		fs[i] = func() { f(i) }
	}
	together(fs...)
}

// A hooked store calls before ahead of every Update, counted from 1. It makes
// sure of what a race leaves to chance.
type hooked struct {
	account.Store
	before  func(n int)
	updates int
}

func (s *hooked) Update(ctx context.Context, f func(account.Tx) error) error {
	s.updates++
	s.before(s.updates)
	return s.Store.Update(ctx, f)
}

// setHash gives the user a hash that somebody else made.
func (n *node) setHash(u account.User, hash string) {
	n.t.Helper()
	n.update(func(tx account.Tx) error { return tx.Credentials.SetPassword(n.t.Context(), u.ID, hash, time.Now()) })
}

func (n *node) hash(u account.User) (phc string) {
	n.t.Helper()
	n.view(func(tx account.Tx) (err error) {
		phc, err = tx.Credentials.Password(n.t.Context(), u.ID)
		return err
	})
	return phc
}

// tokenHash is the hash under which the user's only session is found.
func (n *node) found(cookie string) bool {
	n.t.Helper()
	_, err := n.Session(n.t.Context(), secret.Hash(cookie))
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		n.t.Fatal(err)
	}
	return err == nil
}

// contains reports whether a secret stands in anything that was written down.
func contains(es []audit.Entry, secret string) bool {
	return slices.ContainsFunc(es, func(e audit.Entry) bool { return strings.Contains(fmt.Sprint(e), secret) })
}
