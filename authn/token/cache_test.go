package token_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// caches are the ways to remember a token, by name.
func caches(f *revoke.Follower, tokens int) map[string]*token.Cache {
	whole := token.NewCache(f, tokens)
	whole.InsecureKeepTokens = true
	return map[string]*token.Cache{"no token is kept": token.NewCache(f, tokens), "tokens are kept": whole}
}

// What is remembered opens the door to that token and to nothing that resembles it.
func TestOnlyTheTokenItselfIsRemembered(t *testing.T) {
	for _, alg := range algs {
		o := &office{roles: []string{"admin"}}
		f := o.follow(t)
		k := key(t, alg)
		for name, cache := range caches(f, 64) {
			t.Run(string(alg)+", "+name, func(t *testing.T) {
				a := &token.Authenticator{Verifier: &token.Verifier{Issuer: issuer, Keys: source(k)}, Follower: f, Complete: o.Complete, Cache: cache}
				c := claims()
				c.Rev = "log_1.0"
				good := sign(t, k, c)
				c.Subject, c.ID = "usr_2", "tok_2"
				other := sign(t, k, c)
				signature := strings.LastIndexByte(good, '.') + 1
				answer := func(value string) string { return answerOf(a.Authenticate(t.Context(), bearerOf(value))) }
				for range 2 {
					if got := answer(good) + " " + answer(other); got != "usr_1 usr_2" {
						t.Fatal(got)
					}
				}
				if asked := o.asked; answer(good) != "usr_1" || o.asked != asked {
					t.Error("not remembered")
				}
				for i := range good {
					b := "A-."[i%3]
					if forged := good[:i] + string(b) + good[i+1:]; forged != good && answer(forged) != "401" {
						t.Errorf("byte %d of %d changed to %c: %s", i, len(good), b, answer(forged))
					}
				}
				for name, forged := range map[string]string{
					"the claims of another":    other[:strings.LastIndexByte(other, '.')+1] + good[signature:],
					"the signature of another": good[:signature] + other[strings.LastIndexByte(other, '.')+1:],
					"no signature":             good[:signature],
					"the signature alone":      good[signature:],
					"claims and signature":     good[strings.IndexByte(good, '.')+1:],
					"more in front":            "." + good,
					"more behind":              good + ".",
					"without its last byte":    good[:len(good)-1],
					"twice":                    good + good,
					"no point":                 strings.ReplaceAll(good, ".", ""),
				} {
					if got := answer(forged); got != "401" {
						t.Errorf("%s: %s", name, got)
					}
				}
				if answer(good) != "usr_1" {
					t.Error("forgotten")
				}
			})
		}
	}
}

// Tokens of one person differ in their ids alone, if they were issued in the same second. None drives out another.
func TestManyTokensOfOnePersonAreRemembered(t *testing.T) {
	o := &office{}
	f := o.follow(t)
	wraps := opaque()
	c := claims()
	c.Rev, c.X5T, c.Act = "log_1.0", "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2", &token.Actor{Subject: "usr_2"}
	var values []string
	for range 100 {
		c.ID = secret.NewID("tok")
		value := sign(t, key(t, token.EdDSA), c)
		wrapped, err := wraps.Wrap(value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value, wrapped)
	}
	for name, cache := range caches(f, 1<<14) {
		a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete, Opaque: wraps, Cache: cache}
		asked := o.asked
		for range 3 {
			for _, value := range values {
				if p, err := a.Authenticate(t.Context(), bearerOf(value)); answerOf(p, err) != "401" { // it is bound to a certificate that is not shown
					t.Fatal(answerOf(p, err))
				}
			}
		}
		if n := o.asked - asked; n != len(values) {
			t.Errorf("%s: %d tokens were verified %d times", name, len(values), n)
		}
	}
}

// A dump of everything that lives shows no signature, unless tokens are kept: then it would, so the test can see one.
func TestMemoryHoldsNoTokenThatIsRemembered(t *testing.T) {
	o := &office{roles: []string{"admin"}}
	f := o.follow(t)
	v := verifierOf(t)
	for name, cache := range caches(f, 64) {
		a := &token.Authenticator{Verifier: v, Follower: f, Complete: o.Complete, Cache: cache}
		var half string // of the signature, reversed, so as not to find ourselves
		var wg sync.WaitGroup
		wg.Go(func() { // a goroutine of its own, because stacks are in the dump
			good := signed(t, func(c *token.Claims) { c.ID = "tok_" + name }) // one that nobody else has
			for range 3 {
				if p, err := a.Authenticate(t.Context(), bearerOf(good)); answerOf(p, err) != "usr_1" {
					t.Error(err)
				}
			}
			half = reverse(good[len(good)-43:])
		})
		wg.Wait()
		for range 3 { // pools of buffers survive two
			runtime.GC()
		}
		found := strings.Contains(reverse(dump(t)), half)
		if want := cache.InsecureKeepTokens; found != want {
			t.Errorf("%s: signature in memory: %t", name, found)
		}
		runtime.KeepAlive(a)
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// dump returns what lies in memory.
func dump(t *testing.T) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "dump"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	debug.WriteHeapDump(file.Fd())
	b, err := os.ReadFile(file.Name())
	if err != nil || !bytes.HasPrefix(b, []byte("go1.7 heap dump")) {
		t.Fatalf("dump of %d bytes, %v", len(b), err)
	}
	return string(b)
}

// Whoever issues tokens of 8 KiB by the million does not fill our memory.
func TestMemoryOfTheCacheIsBounded(t *testing.T) {
	const room = 1 << 10
	o := &office{}
	f := o.follow(t)
	k := key(t, token.HS256)
	for _, size := range []int{1500, 6000} { // the longest that are remembered, and the longest there are
		for name, cache := range caches(f, room) {
			a := &token.Authenticator{Verifier: &token.Verifier{Issuer: issuer, Keys: source(k)}, Follower: f, Cache: cache}
			c := claims()
			c.Rev, c.Roles = "log_1.0", []string{strings.Repeat("x", size-500)}
			before := live()
			for i := range testenv.Count(2*room, 250_000) { // a million, all in all
				c.ID, c.IssuedAt, c.Expiry = fmt.Sprint(i), time.Now(), time.Now().Add(time.Minute)
				if p, err := a.Authenticate(t.Context(), bearerOf(sign(t, k, c))); answerOf(p, err) != "usr_1" {
					t.Fatal(err)
				}
			}
			// Of each: its text and what the principal reads of the payload, each up to 2 KiB, and the principal itself.
			if grown := int64(live()) - int64(before); grown > room*5<<10 {
				t.Errorf("tokens of %d bytes, %s: %d KiB for each that is remembered", len(sign(t, k, c)), name, grown/room>>10)
			}
			runtime.KeepAlive(a)
		}
	}
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	o := &office{}
	f := o.follow(t)
	for name, cache := range caches(f, 64) {
		a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete, Cache: cache}
		c := bearerOf(signed(t))
		if n := testing.AllocsPerRun(100, func() {
			if _, err := a.Authenticate(t.Context(), c); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
