package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/keyring"
	"github.com/sallyport-auth/sallyport/store/memory"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

const (
	issuer = "https://id.example"
	shared = "https://hs.example" // an audience with a secret of its own
)

var backends = []struct {
	name string
	open func(testing.TB) (account.Store, error)
}{
	{"memory", func(testing.TB) (account.Store, error) { return memory.New(), nil }},
	{"sqlite", func(t testing.TB) (account.Store, error) {
		return sqlite.Open(filepath.Join(t.TempDir(), "keys.db"))
	}},
	{"postgres", func(t testing.TB) (account.Store, error) {
		return postgres.Open(t.Context(), testdb.Postgres(t, sqldb.Key(), func(ctx context.Context, dsn string) error {
			_, err := postgres.Migrate(ctx, dsn)
			return err
		}))
	}},
}

// everywhere runs a test on every back end.
func everywhere(t *testing.T, f func(*testing.T, *house)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			store, err := b.open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			f(t, &house{t, store, sealer(t)})
		})
	}
}

func sealer(t testing.TB) *secret.Sealer {
	t.Helper()
	s, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A house is a store and the sealing key to it.
type house struct {
	*testing.T
	store  account.Store
	sealer *secret.Sealer
}

// node returns a keyring of its own, as another process has.
func (h *house) node() *keyring.Keyring {
	return &keyring.Keyring{Store: h.store, Sealer: h.sealer, Schedule: token.Schedule{Resources: []token.Resource{{Audience: shared, Alg: token.HS256}}}}
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// started returns a keyring with its first keys.
func (h *house) started() *keyring.Keyring {
	h.Helper()
	k := h.node()
	_, err := k.Maintain(h.Context())
	h.must(err)
	h.must(k.Reload(h.Context()))
	return k
}

func (h *house) rows() (rows []token.StoredKey) {
	h.Helper()
	h.must(h.store.View(h.Context(), func(tx account.Tx) (err error) {
		rows, err = tx.Keys.Keys(h.Context())
		return err
	}))
	return rows
}

// in returns the ids of the keys of an audience in a state.
func (h *house) in(audience string, state token.State) (kids []string) {
	h.Helper()
	for _, r := range h.rows() {
		if r.Resource == audience && r.State == state {
			kids = append(kids, r.KID)
		}
	}
	return kids
}

func (h *house) head() (p revoke.Position) {
	h.Helper()
	h.must(h.store.View(h.Context(), func(tx account.Tx) error {
		head, err := tx.Log.Head(h.Context())
		p = head.Position
		return err
	}))
	return p
}

func (h *house) audited(action string) (es []audit.Entry) {
	h.Helper()
	h.must(h.store.View(h.Context(), func(tx account.Tx) (err error) {
		es, err = tx.Audit.List(h.Context(), audit.Filter{Action: action})
		return err
	}))
	return es
}

// sign writes an access token that claims a position far ahead, as a thief with
// the key would.
func (h *house) sign(k *keyring.Keyring, audience string) string {
	h.Helper()
	signed, err := k.Keys().AccessToken(&token.Claims{
		Issuer: issuer, Audience: []string{audience}, Subject: "usr_1", ClientID: "c", ID: secret.NewID("tok"),
		IssuedAt: time.Now(), Expiry: time.Now().Add(time.Minute), Rev: revoke.Position{Log: h.head().Log, Seq: 1 << 40}.String(),
	})
	h.must(err)
	return signed
}

func verify(ctx context.Context, k *keyring.Keyring, audience, signed string) (*token.Claims, error) {
	return (&token.Verifier{Issuer: issuer, Audience: audience, Keys: k.Keys()}).Verify(ctx, signed)
}

func TestTheFirstKeys(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		k := h.node()
		if _, err := k.Keys().AccessToken(&token.Claims{Audience: []string{issuer}}); !errors.Is(err, token.ErrKeysUnavailable) {
			t.Errorf("before there are keys: %v", err)
		}
		p, err := k.Maintain(t.Context())
		h.must(err)
		if p != h.head() {
			t.Errorf("returned %v, the log is at %v", p, h.head())
		}
		h.must(k.Reload(t.Context()))
		for _, audience := range []string{issuer, shared} {
			c, err := verify(t.Context(), k, audience, h.sign(k, audience))
			if err != nil || c.KeyID == "" {
				t.Errorf("%s: %v", audience, err)
			}
		}
		rows := h.rows()
		if len(rows) != 2 || len(h.in("", token.Active)) != 1 || len(h.in(shared, token.Active)) != 1 {
			t.Fatalf("rows %+v", rows)
		}
		for _, r := range rows {
			if bytes.Contains(r.PrivateSealed, []byte(`"kty"`)) || len(r.PrivateSealed) == 0 {
				t.Errorf("key %s is not sealed", r.KID)
			}
		}
		if es := h.audited("keys.maintain"); len(es) != 1 || es[0].Actor != "system" || es[0].Outcome != audit.Success {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestMaintainDoesNothingTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		k := h.started()
		before, rows := h.head(), h.rows()
		for range 3 {
			p, err := k.Maintain(t.Context())
			if err != nil || !p.IsZero() {
				t.Errorf("got %v, %v", p, err)
			}
		}
		if h.head() != before || len(h.rows()) != len(rows) || len(h.audited("keys.maintain")) != 1 {
			t.Error("something was changed")
		}
	})
}

func TestNodesMaintainAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for round := range testenv.Count(5, 50) {
			var all sync.WaitGroup
			for range 4 {
				k := h.node()
				all.Go(func() {
					if _, err := k.Maintain(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			for _, audience := range []string{"", shared} {
				if got := h.in(audience, token.Active); len(got) != 1 {
					t.Fatalf("audience %q has active keys %v", audience, got)
				}
			}
			if n := len(h.audited("keys.maintain")); n != round+1 {
				t.Fatalf("audited %d times in %d rounds", n, round+1)
			}
			// Begin anew.
			h.must(h.store.Update(t.Context(), func(tx account.Tx) error {
				rows, err := tx.Keys.Keys(t.Context())
				for _, r := range rows {
					_, e := tx.Keys.DeleteKey(t.Context(), r.KID)
					err = errors.Join(err, e)
				}
				return err
			}))
		}
	})
}

func TestRotate(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, audience := range []string{"", shared} {
			k := h.started()
			aud := audience
			if aud == "" {
				aud = issuer
			}
			signed := h.sign(k, aud)
			old := h.in(audience, token.Active)
			p, err := k.Rotate(t.Context(), audience, audit.Entry{Actor: "usr_admin"})
			h.must(err)
			if p != h.head() {
				t.Errorf("returned %v, the log is at %v", p, h.head())
			}
			h.must(k.Reload(t.Context()))
			current := h.in(audience, token.Active)
			if len(current) != 1 || current[0] == old[0] || !slices.Contains(h.in(audience, token.Retired), old[0]) {
				t.Errorf("%q: active %v after %v", audience, current, old)
			}
			if c, err := verify(t.Context(), k, aud, signed); err != nil || c.KeyID != old[0] {
				t.Errorf("%q: a token of the old key: %v", audience, err)
			}
			if c, err := verify(t.Context(), k, aud, h.sign(k, aud)); err != nil || c.KeyID != current[0] {
				t.Errorf("%q: a token of the new key: %v", audience, err)
			}
			if es := h.audited("keys.rotate"); es[0].Actor != "usr_admin" || !slices.ContainsFunc(es, func(e audit.Entry) bool { return e.Target == audience }) {
				t.Errorf("audited %+v", es)
			}
		}
	})
}

// Compromise: effective at once, whatever the thief writes into the token.
func TestRevoke(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		k, other := h.started(), h.node()
		follow := func(k *keyring.Keyring) *revoke.Follower {
			f, err := revoke.Follow(t.Context(), revoke.Config{
				Read: func(ctx context.Context, f func(revoke.Log) error) error {
					return h.store.View(ctx, func(tx account.Tx) error { return f(tx.Log) })
				},
				Watch: func(ctx context.Context, e revoke.Entry) error {
					if e.Kind != revoke.Key {
						return nil
					}
					return k.Reload(ctx)
				},
			})
			h.must(err)
			t.Cleanup(f.Close)
			return f
		}
		followers := map[*keyring.Keyring]*revoke.Follower{k: follow(k), other: follow(other)}
		h.must(other.Reload(t.Context()))
		signed := h.sign(k, issuer)
		before, err := verify(t.Context(), other, issuer, signed)
		h.must(err)
		kid := before.KeyID

		p, err := k.Revoke(t.Context(), kid, audit.Entry{Actor: "usr_admin"})
		h.must(err)
		for node, f := range followers {
			h.must(f.CatchUp(t.Context(), p))
			if _, err := verify(t.Context(), node, issuer, signed); !errors.Is(err, token.ErrUnknownKey) {
				t.Errorf("the key set: %v", err)
			}
			rev, err := revoke.ParsePosition(before.Rev)
			h.must(err)
			if err := f.Dead(rev, revoke.IDs{Key: kid, Token: before.ID}); !errors.Is(err, revoke.ErrRevoked) {
				t.Errorf("the log, for a token that claims position %v: %v", rev, err)
			}
			if c, err := verify(t.Context(), node, issuer, h.sign(node, issuer)); err != nil || c.KeyID == kid {
				t.Errorf("the key in its place: %v", err)
			}
			if jwks, err := node.Keys().Load().JWKS(time.Now()); err != nil || bytes.Contains(jwks, []byte(kid)) {
				t.Errorf("published: %s, %v", jwks, err)
			}
		}
		for _, r := range h.rows() {
			if r.KID == kid && (r.State != token.Revoked || len(r.PrivateSealed) > 0) {
				t.Errorf("the row is %+v", r)
			}
		}
		if es := h.audited("keys.revoke"); len(es) != 1 || es[0].Target != kid || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}

		position := h.head()
		for _, unknown := range []string{"nobody", "", "\x00", "\xff"} {
			if p, err := k.Revoke(t.Context(), unknown, audit.Entry{}); !errors.Is(err, token.ErrUnknownKey) || !p.IsZero() {
				t.Errorf("revoking %q: %v, %v", unknown, p, err)
			}
		}
		if h.head() != position {
			t.Error("what was refused is in the log")
		}
	})
}

func TestAWrongSealingKeyReadsAndWritesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.started()
		rows, before := h.rows(), h.head()
		wrong := h.node()
		wrong.Sealer = sealer(t)
		if err := wrong.Reload(t.Context()); !errors.Is(err, secret.ErrUnknownKey) {
			t.Errorf("reading: %v", err)
		}
		if _, err := wrong.Rotate(t.Context(), "", audit.Entry{}); !errors.Is(err, secret.ErrUnknownKey) {
			t.Errorf("rotating: %v", err)
		}
		wrong.Schedule.Active, wrong.Schedule.Publish = time.Hour, 59*time.Minute+59*time.Second // a key is due
		wrong.Schedule.Resources = append(wrong.Schedule.Resources, token.Resource{Audience: "https://new.example", Alg: token.ES256})
		if _, err := wrong.Maintain(t.Context()); !errors.Is(err, secret.ErrUnknownKey) {
			t.Errorf("maintaining: %v", err)
		}
		if len(h.rows()) != len(rows) || h.head() != before {
			t.Error("something was written")
		}
		if wrong.Keys().Load() != nil {
			t.Error("some keys are in force")
		}
	})
}

// Who can write to the database cannot sign: what was there stays in force.
func TestTamperedRowsAreRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		k := h.started()
		signed := h.sign(k, issuer)
		kid := h.in("", token.Active)[0]
		var row, foreign token.StoredKey
		for _, r := range h.rows() {
			if r.KID == kid {
				row = r
			} else {
				foreign = r
			}
		}
		forged, err := token.Generate(token.EdDSA)
		h.must(err)
		private, err := forged.PrivateJWK()
		h.must(err)
		for _, c := range []struct {
			name   string
			change func(r *token.StoredKey)
		}{
			{"an altered box", func(r *token.StoredKey) {
				r.PrivateSealed = bytes.Clone(r.PrivateSealed)
				r.PrivateSealed[len(r.PrivateSealed)-1] ^= 1
			}},
			{"no box", func(r *token.StoredKey) { r.PrivateSealed = nil }},
			{"a key that is not sealed", func(r *token.StoredKey) { r.PrivateSealed = private }},
			{"a key sealed by somebody else", func(r *token.StoredKey) { r.PrivateSealed = sealer(t).Seal("signing-key", r.KID, private) }},
			{"another row's box", func(r *token.StoredKey) { r.PrivateSealed = foreign.PrivateSealed }},
			{"another algorithm", func(r *token.StoredKey) { r.Alg = token.HS256 }},
			{"an unknown state", func(r *token.StoredKey) { r.State = "trusted" }},
		} {
			t.Run(c.name, func(t *testing.T) {
				put := func(r token.StoredKey) {
					h.must(h.store.Update(t.Context(), func(tx account.Tx) error { return tx.Keys.PutKey(t.Context(), r) }))
				}
				bad := row
				c.change(&bad)
				put(bad)
				if err := k.Reload(t.Context()); err == nil {
					t.Error("read")
				}
				if err := h.node().Reload(t.Context()); err == nil {
					t.Error("read by another node")
				}
				if _, err := verify(t.Context(), k, issuer, signed); err != nil {
					t.Errorf("what was in force is not any more: %v", err)
				}
				if _, err := k.Rotate(t.Context(), shared, audit.Entry{}); err == nil {
					t.Error("rotated beside it")
				}
				// Revoking it is the way out.
				before := h.head()
				if _, err := k.Revoke(t.Context(), kid, audit.Entry{}); err != nil {
					t.Error(err)
				} else if h.head() == before || k.Reload(t.Context()) != nil {
					t.Error("revoked, and not readable again")
				}
				h.must(h.store.Update(t.Context(), func(tx account.Tx) error {
					rows, err := tx.Keys.Keys(t.Context())
					for _, r := range rows {
						if r.Resource == "" {
							_, e := tx.Keys.DeleteKey(t.Context(), r.KID)
							err = errors.Join(err, e)
						}
					}
					return errors.Join(err, tx.Keys.PutKey(t.Context(), row))
				}))
				h.must(k.Reload(t.Context()))
			})
		}
	})
}

// failing stores fail to audit.
type failing struct{ account.Store }

var errDisk = errors.New("the disk is full")

func (s failing) Update(ctx context.Context, f func(account.Tx) error) error {
	return s.Store.Update(ctx, func(tx account.Tx) error {
		tx.Audit = failingLog{tx.Audit}
		return f(tx)
	})
}

type failingLog struct{ audit.Log }

func (failingLog) Append(context.Context, audit.Entry) error { return errDisk }

func TestWhatCannotBeAuditedDoesNotHappen(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		first := h.node()
		first.Store = failing{h.store}
		if _, err := first.Maintain(t.Context()); !errors.Is(err, errDisk) || len(h.rows()) > 0 {
			t.Errorf("the first keys: %v", err)
		}
		k := h.started()
		rows, before := h.rows(), h.head()
		k.Store = failing{h.store}
		_, err := k.Rotate(t.Context(), "", audit.Entry{})
		_, err2 := k.Revoke(t.Context(), rows[0].KID, audit.Entry{})
		if !errors.Is(err, errDisk) || !errors.Is(err2, errDisk) {
			t.Errorf("got %v and %v", err, err2)
		}
		if h.head() != before || len(h.rows()) != len(rows) || len(h.in("", token.Active)) != 1 {
			t.Error("something was changed")
		}
	})
}

// Reading, rotating and signing at once.
func TestAKeyringIsSafeForConcurrentUse(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		k := h.started()
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for range 10 {
					var err error
					switch i {
					case 0:
						_, err = k.Rotate(t.Context(), "", audit.Entry{})
					case 1:
						err = k.Reload(t.Context())
					case 2:
						_, err = k.Maintain(t.Context())
					default:
						_, err = k.Keys().AccessToken(&token.Claims{
							Issuer: issuer, Audience: []string{issuer}, Subject: "usr_1", ClientID: "c", ID: "tok_1",
							IssuedAt: time.Now(), Expiry: time.Now().Add(time.Minute),
						})
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		h.must(k.Reload(t.Context()))
		if got := h.in("", token.Active); len(got) != 1 {
			t.Errorf("active keys %v", got)
		}
	})
}
