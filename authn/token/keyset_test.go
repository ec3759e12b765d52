package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

const (
	day = 24 * time.Hour
	api = "https://api.example.com"
)

// A ring is what the server does with signing keys, without a database.
type ring struct {
	t        testing.TB
	sealer   *secret.Sealer
	schedule token.Schedule
	rows     []token.StoredKey
	keys     token.Keys
}

func newRing(t testing.TB, s token.Schedule) *ring {
	t.Helper()
	sealer, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return &ring{t: t, sealer: sealer, schedule: s}
}

func (r *ring) seal(kid string, plain []byte) []byte { return r.sealer.Seal("signing_key", kid, plain) }
func (r *ring) open(kid string, sealed []byte) ([]byte, error) {
	return r.sealer.Open("signing_key", kid, sealed)
}

// apply carries out changes as compare-and-set on kid and state, in the shape a store has: times in milliseconds.
func (r *ring) apply(changes []token.Change) {
	r.t.Helper()
	for _, c := range changes {
		if err := c.Generate(r.seal); err != nil {
			r.t.Fatal(err)
		}
		i := slices.IndexFunc(r.rows, func(k token.StoredKey) bool { return k.KID == c.Key.KID })
		for _, at := range []*time.Time{&c.Key.NotBefore, &c.Key.RetireAt, &c.Key.CreatedAt} {
			*at = time.UnixMilli(at.UnixMilli())
		}
		switch {
		case c.Op == token.Create && i < 0:
			r.rows = append(r.rows, c.Key)
		case c.Op == token.Update && i >= 0 && r.rows[i].State == c.Was:
			r.rows[i] = c.Key
		case c.Op == token.Delete && i >= 0 && r.rows[i].State == c.Was:
			r.rows = slices.Delete(r.rows, i, i+1)
		default:
			r.t.Fatalf("change does not apply: %+v", c)
		}
	}
}

// plan plans, applies, publishes the snapshot, and checks what every plan must keep.
func (r *ring) plan() []token.Change {
	r.t.Helper()
	changes := token.Plan(r.rows, time.Now(), r.schedule)
	r.apply(changes)
	r.load()
	if again := token.Plan(r.rows, time.Now(), r.schedule); len(again) > 0 {
		r.t.Fatalf("planned again after the plan was carried out: %+v", again)
	}
	return changes
}

func (r *ring) load() {
	r.t.Helper()
	s, err := token.NewKeySet(r.rows, r.schedule, r.open)
	if err != nil {
		r.t.Fatal(err)
	}
	r.keys.Store(s)
}

func (r *ring) sign(aud string) string {
	r.t.Helper()
	c := claims()
	c.Audience = []string{aud}
	s, err := r.keys.AccessToken(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *ring) signer(aud string) string {
	r.t.Helper()
	k, err := r.keys.Load().Signing(aud, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return k.ID()
}

func (r *ring) verifies(kid string) bool {
	k, err := r.keys.Key(r.t.Context(), kid)
	if err != nil && !errors.Is(err, token.ErrUnknownKey) {
		r.t.Fatal(err)
	}
	return k != nil
}

// published returns the key ids of the published set.
func (r *ring) published() (ids []string) {
	r.t.Helper()
	data, err := r.keys.Load().JWKS(time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	if strings.Contains(string(data), `"d"`) || strings.Contains(string(data), `"k"`) {
		r.t.Fatalf("a private key is published: %s", data)
	}
	if _, err := token.ParseJWKS(data); err != nil {
		r.t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(data, &set); err != nil {
		r.t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

func TestAKeyLivesBySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{})
		start := time.Now()
		r.plan()
		first := r.signer(issuer)
		if got := r.published(); !slices.Equal(got, []string{first}) {
			t.Fatalf("published %v", got)
		}
		at := func(d time.Duration) { time.Sleep(time.Until(start.Add(d))); r.plan() }

		at(83*day - time.Second)
		if len(r.rows) != 1 {
			t.Fatal("the next key is made too early")
		}
		at(83 * day)
		if len(r.rows) != 2 || r.signer(issuer) != first || len(r.published()) != 2 {
			t.Fatal("seven days before its end the key has no published successor, or signs no more")
		}
		at(90*day - time.Second)
		if r.signer(issuer) != first {
			t.Fatal("the successor signs too early")
		}
		at(90 * day)
		second := r.signer(issuer)
		if second == first || !r.verifies(first) || len(r.published()) != 2 {
			t.Fatal("after ninety days the successor does not sign, or the first key does not verify")
		}
		at(120*day - time.Second)
		if !r.verifies(first) {
			t.Fatal("the first key stops verifying too early")
		}
		time.Sleep(time.Second)
		if r.verifies(first) || slices.Contains(r.published(), first) {
			t.Fatal("thirty days later the first key verifies although nobody planned")
		}
		at(120 * day)
		if len(r.rows) != 1 || r.rows[0].KID != second {
			t.Fatalf("the first key is not gone: %d rows", len(r.rows))
		}
	})
}

func TestATokenOutlivesItsKeysRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{})
		r.plan()
		time.Sleep(83 * day)
		r.plan()
		time.Sleep(7*day - time.Minute)
		s := r.sign(issuer)
		time.Sleep(2 * time.Minute)
		r.plan()
		v := &token.Verifier{Issuer: issuer, Keys: &r.keys}
		if _, err := v.Verify(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTimeDecidesEvenIfNobodyPlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{})
		r.plan()
		first := r.signer(issuer)
		time.Sleep(83 * day)
		r.plan()
		time.Sleep(7 * day) // no plan: the store is down
		if r.signer(issuer) == first {
			t.Error("the key whose time has come does not sign")
		}
	})
}

func TestAfterALongSleepNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{})
		r.plan()
		first := r.signer(issuer)
		time.Sleep(400 * day)
		if r.signer(issuer) != first {
			t.Fatal("no key signs while no plan is carried out")
		}
		s := r.sign(issuer)
		r.plan()
		if r.signer(issuer) != first || len(r.published()) != 2 {
			t.Fatal("the successor must be published for seven days before it signs")
		}
		time.Sleep(7 * day)
		r.plan()
		if r.signer(issuer) == first || !r.verifies(first) {
			t.Fatal("the first key must retire now, and verify for thirty days from now")
		}
		_ = s
	})
}

func TestRotateByCommand(t *testing.T) {
	for _, c := range []struct {
		name    string
		age     time.Duration
		created int // keys that the rotation makes
	}{
		{"without a next key", day, 1},
		{"with a next key", 84 * day, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRing(t, token.Schedule{Resources: []token.Resource{{Audience: api, Alg: token.ES256}}})
				r.plan()
				time.Sleep(c.age)
				r.plan()
				old, other := r.signer(issuer), r.signer(api)
				changes := token.Rotate(r.rows, time.Now(), r.schedule, "")
				made := 0
				for _, ch := range changes {
					if ch.Op == token.Create {
						made++
					}
				}
				r.apply(changes)
				r.plan()
				if r.signer(issuer) == old || !r.verifies(old) || made != c.created {
					t.Errorf("rotation: made %d keys, signer changed %v, old one verifies %v", made, r.signer(issuer) != old, r.verifies(old))
				}
				if r.signer(api) != other {
					t.Error("another resource's key was rotated too")
				}
				time.Sleep(30 * day)
				if r.verifies(old) {
					t.Error("the old key verifies for longer than thirty days")
				}
			})
		})
	}
}

func TestACompromisedKeyIsRefusedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		age   time.Duration
		which token.State
	}{
		{"the active key", day, token.Active},
		{"the active key when there is a next one", 84 * day, token.Active},
		{"the next key", 84 * day, token.Next},
		{"a retired key", 91 * day, token.Retired},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRing(t, token.Schedule{})
				r.plan()
				for range c.age / day {
					time.Sleep(day)
					r.plan()
				}
				i := slices.IndexFunc(r.rows, func(k token.StoredKey) bool { return k.State == c.which })
				kid := r.rows[i].KID
				changes, err := token.Revoke(r.rows, time.Now(), r.schedule, kid)
				if err != nil {
					t.Fatal(err)
				}
				r.apply(changes)
				r.plan()
				if r.verifies(kid) || slices.Contains(r.published(), kid) || r.signer(issuer) == kid {
					t.Error("the key still does something")
				}
				for _, row := range r.rows {
					if row.KID == kid && (row.State != token.Revoked || row.PrivateSealed != nil) {
						t.Errorf("the row still holds the key: %+v", row)
					}
				}
				if again, err := token.Revoke(r.rows, time.Now(), r.schedule, kid); err != nil || len(again) > 0 {
					t.Errorf("revoked twice: %v, %v", again, err)
				}
				v := &token.Verifier{Issuer: issuer, Keys: &r.keys}
				if _, err := v.Verify(t.Context(), r.sign(issuer)); err != nil {
					t.Errorf("new tokens do not verify: %v", err)
				}
				time.Sleep(30 * day)
				r.plan()
				if slices.ContainsFunc(r.rows, func(k token.StoredKey) bool { return k.KID == kid }) {
					t.Error("the row is never removed")
				}
			})
		})
	}
	if _, err := token.Revoke(nil, time.Now(), token.Schedule{}, "x"); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestEachResourceHasItsAlgorithm(t *testing.T) {
	resources := []token.Resource{
		{"https://rs", token.RS256}, {"https://ps", token.PS256}, {"https://es", token.ES256}, {"https://hs", token.HS256}, {"https://ed", token.EdDSA},
	}
	r := newRing(t, token.Schedule{Resources: resources})
	r.plan()
	if len(r.rows) != 6 || len(r.published()) != 5 {
		t.Fatalf("%d keys, of which %d published", len(r.rows), len(r.published()))
	}
	kids := map[string]bool{}
	for _, res := range append(resources, token.Resource{Audience: issuer, Alg: token.EdDSA}, token.Resource{Audience: "https://other", Alg: token.EdDSA}) {
		s := r.sign(res.Audience)
		v := &token.Verifier{Issuer: issuer, Audience: res.Audience, Keys: &r.keys}
		c, err := v.Verify(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", res.Audience, err)
		}
		k, _ := r.keys.Key(t.Context(), c.KeyID)
		if k.Alg() != res.Alg {
			t.Errorf("%s: signed with %s", res.Audience, k.Alg())
		}
		kids[c.KeyID] = true
	}
	if len(kids) != 6 {
		t.Errorf("%d different keys instead of 6", len(kids))
	}
	// Who holds the secret of one resource must not be able to sign for another.
	i := slices.IndexFunc(r.rows, func(k token.StoredKey) bool { return k.Alg == token.HS256 })
	plain, err := r.open(r.rows[i].KID, r.rows[i].PrivateSealed)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := token.ParseSigningKey(plain)
	if err != nil {
		t.Fatal(err)
	}
	v := &token.Verifier{Issuer: issuer, Keys: &r.keys}
	for _, aud := range [][]string{{issuer}, {"https://hs", issuer}} {
		c := claims()
		c.Audience = aud
		if _, err := v.Verify(t.Context(), sign(t, stolen, c)); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("audience %v: %v", aud, err)
		}
	}
	c := claims()
	c.Audience = []string{"https://hs", issuer}
	if _, err := r.keys.AccessToken(c); err == nil {
		t.Error("signed for two audiences with different keys")
	}
}

func TestAResourceThatGoesOrChangesItsAlgorithm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{Resources: []token.Resource{{api, token.ES256}}})
		r.plan()
		es := r.signer(api)
		r.schedule.Resources[0].Alg = token.EdDSA
		r.plan()
		if r.signer(api) == es || !r.verifies(es) {
			t.Error("after a change of algorithm the new key must sign and the old one verify")
		}
		r.schedule.Resources = nil
		r.plan()
		if r.signer(api) != r.signer(issuer) {
			t.Error("an audience that is no resource any more must use the common key")
		}
		time.Sleep(30 * day)
		r.plan()
		if len(r.rows) != 1 {
			t.Errorf("%d rows remain", len(r.rows))
		}
	})
}

func TestTwoNodesThatPlanAtOnceAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, token.Schedule{})
		for range 2 { // both made a key before either saw the other's
			r.apply(token.Plan(nil, time.Now(), r.schedule))
		}
		r.plan()
		active := 0
		for _, k := range r.rows {
			if k.State == token.Active {
				active++
			}
		}
		if active != 1 {
			t.Errorf("%d active keys", active)
		}
		time.Sleep(83 * day)
		rows := slices.Clone(r.rows)
		for range 2 {
			for _, c := range token.Plan(rows, time.Now(), r.schedule) {
				if c.Op == token.Create { // the other changes apply once, being compare-and-set
					r.apply([]token.Change{c})
				}
			}
		}
		r.plan()
		next := 0
		for _, k := range r.rows {
			if k.State == token.Next {
				next++
			}
		}
		if next != 1 {
			t.Errorf("%d next keys", next)
		}
	})
}

// Whatever happens when, there is always exactly one active key per slot and a token verifies for as long as it lives.
func TestPlansKeepTheirPromises(t *testing.T) {
	for seed := range uint64(testenv.Count(6, 200)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 0))
				r := newRing(t, token.Schedule{Resources: []token.Resource{{api, token.HS256}}})
				r.plan()
				v := &token.Verifier{Issuer: issuer, Keys: &r.keys}
				for range 60 {
					s := r.sign(issuer)
					revoked := ""
					time.Sleep(time.Duration(rnd.IntN(14*60)) * time.Second)
					switch rnd.IntN(6) {
					case 0:
						r.apply(token.Rotate(r.rows, time.Now(), r.schedule, []string{"", api}[rnd.IntN(2)]))
					case 1:
						revoked = r.rows[rnd.IntN(len(r.rows))].KID
						changes, err := token.Revoke(r.rows, time.Now(), r.schedule, revoked)
						if err != nil {
							t.Fatal(err)
						}
						r.apply(changes)
					}
					want := token.Plan(r.rows, time.Now(), r.schedule)
					rnd.Shuffle(len(r.rows), reflect.Swapper(r.rows))
					if got := token.Plan(r.rows, time.Now(), r.schedule); !reflect.DeepEqual(got, want) {
						t.Fatalf("the plan depends on the order of rows:\n%+v\n%+v", got, want)
					}
					r.plan()
					active := map[string]int{}
					for _, k := range r.rows {
						if k.State == token.Active {
							active[k.Resource]++
						}
					}
					if active[""] != 1 || active[api] != 1 || len(active) != 2 {
						t.Fatalf("active keys: %v", active)
					}
					c, err := v.Verify(t.Context(), s)
					if err != nil && (revoked == "" || !errors.Is(err, token.ErrUnknownKey)) {
						t.Fatalf("token lost: %v", err)
					}
					if err == nil && c.KeyID == revoked {
						t.Fatal("a revoked key verifies")
					}
					time.Sleep(time.Duration(rnd.IntN(20)) * day)
					r.plan()
				}
			})
		})
	}
}

func TestNewKeySetRefuses(t *testing.T) {
	r := newRing(t, token.Schedule{})
	r.plan()
	good := r.rows[0]
	edit := func(f func(*token.StoredKey)) []token.StoredKey {
		k := good
		f(&k)
		return []token.StoredKey{k}
	}
	foreign, err := key(t, token.EdDSA).PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		rows []token.StoredKey
	}{
		{"a row without its private key", edit(func(k *token.StoredKey) { k.PrivateSealed = nil })},
		{"a row put in by somebody without the sealing key", edit(func(k *token.StoredKey) { k.PrivateSealed = foreign; k.State = token.Retired })},
		{"a box of another row", edit(func(k *token.StoredKey) { k.KID = "other" })},
		{"another key in the box", edit(func(k *token.StoredKey) { k.PrivateSealed = r.seal(k.KID, foreign) })},
		{"another algorithm", edit(func(k *token.StoredKey) { k.Alg = token.ES256 })},
		{"an unknown state", edit(func(k *token.StoredKey) { k.State = "new" })},
		{"no state", edit(func(k *token.StoredKey) { k.State = "" })},
		{"one row twice", []token.StoredKey{good, good}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := token.NewKeySet(c.rows, r.schedule, r.open); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestScheduleCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		s    token.Schedule
		ok   bool
	}{
		{"the zero schedule", token.Schedule{}, true},
		{"another default", token.Schedule{Alg: token.ES256}, true},
		{"a secret for everybody", token.Schedule{Alg: token.HS256}, false},
		{"an unknown algorithm", token.Schedule{Alg: "none"}, false},
		{"a resource without an audience", token.Schedule{Resources: []token.Resource{{"", token.ES256}}}, false},
		{"a resource without an algorithm", token.Schedule{Resources: []token.Resource{{api, ""}}}, false},
		{"a resource twice", token.Schedule{Resources: []token.Resource{{api, token.ES256}, {api, token.RS256}}}, false},
		{"published for longer than active", token.Schedule{Active: day}, false},
		{"a negative duration", token.Schedule{Verify: -1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.s.Check(); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoKeysIsNoRefusal(t *testing.T) {
	var none token.Keys
	if _, err := none.Key(t.Context(), "x"); !errors.Is(err, token.ErrKeysUnavailable) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("key: %v", err)
	}
	if _, err := none.AccessToken(claims()); !errors.Is(err, token.ErrKeysUnavailable) {
		t.Errorf("sign: %v", err)
	}
	empty, err := token.NewKeySet(nil, token.Schedule{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Signing(issuer, time.Now()); !errors.Is(err, token.ErrKeysUnavailable) {
		t.Errorf("empty set: %v", err)
	}
}

func TestSnapshotsSwapUnderLoad(t *testing.T) {
	r := newRing(t, token.Schedule{})
	r.plan()
	v := &token.Verifier{Issuer: issuer, Keys: &r.keys}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				s, err := r.keys.AccessToken(claims())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := v.Verify(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range testenv.Count(10, 200) {
		r.apply(token.Rotate(r.rows, time.Now(), r.schedule, ""))
		r.load()
	}
	stop()
	wg.Wait()
}
