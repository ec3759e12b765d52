package password_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// cheap makes tests fast where the cost does not matter.
var cheap = password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true}

const good = "elephant trumpet"

func hash(t testing.TB, p password.Params, pw string) string {
	t.Helper()
	h := password.Hasher{Params: p}
	stored, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// Published vectors: test.c of the reference implementation of argon2, wrapper.c of crypt_blowfish.
func TestPublishedVectors(t *testing.T) {
	const salt, diff = "$c29tZXNhbHQ$", "$ZGlmZnNhbHQ$"
	const long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	h := &password.Hasher{}
	for _, c := range []struct {
		name, stored, password string
		want                   bool
	}{
		{"argon2id of 64 MiB", "$argon2id$v=19$m=65536,t=2,p=1" + salt + "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", true},
		{"argon2id of 256 MiB", "$argon2id$v=19$m=262144,t=2,p=1" + salt + "eP4eyR+zqlZX1y5xCFTkw9m5GYx0L5YWwvCFvtlbLow", "password", true},
		{"argon2id of 256 KiB", "$argon2id$v=19$m=256,t=2,p=1" + salt + "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password", true},
		{"argon2id with two lanes", "$argon2id$v=19$m=256,t=2,p=2" + salt + "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password", true},
		{"argon2id with one pass", "$argon2id$v=19$m=65536,t=1,p=1" + salt + "9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg", "password", true},
		{"argon2id with four passes", "$argon2id$v=19$m=65536,t=4,p=1" + salt + "kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw", "password", true},
		{"argon2id of another password", "$argon2id$v=19$m=65536,t=2,p=1" + salt + "C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94", "differentpassword", true},
		{"argon2id with another salt", "$argon2id$v=19$m=65536,t=2,p=1" + diff + "vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw", "password", true},
		{"argon2id, wrong password", "$argon2id$v=19$m=256,t=2,p=1" + salt + "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "passwore", false},
		{"argon2id, wrong salt", "$argon2id$v=19$m=256,t=2,p=1" + diff + "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password", false},

		{"bcrypt 2a", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", true},
		{"bcrypt 2a, longer", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*", true},
		{"bcrypt 2a, another salt", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U", true},
		{"bcrypt 2b is the same", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U", true},
		{"bcrypt 2y is the same", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U", true},
		{"bcrypt, wrong password", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*", false},
		{"bcrypt, all 72 bytes", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", long, true},
		{"bcrypt, cut to 72 bytes elsewhere, refused here", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", long + "chars after 72 are ignored", false},
		{"bcrypt of nothing, refused here", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", "", false},
		{"bcrypt of Latin-1, refused here", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := h.Verify(t.Context(), c.stored, c.password)
			if err != nil || got.Match != c.want {
				t.Errorf("got %+v, %v; want match %v", got, err, c.want)
			}
		})
	}
}

func TestHashAndVerify(t *testing.T) {
	h := &password.Hasher{Params: cheap}
	for _, c := range []struct {
		name, set, typed string
		want             bool
	}{
		{"the same", good, good, true},
		{"another", good, good + "s", false},
		{"letter case counts", good, "Elephant trumpet", false},
		{"spaces count", good, good + " ", false},
		{"composed and decomposed are the same", "caf\u00e9 au lait froid", "cafe\u0301 au lait froid", true},
		{"a ligature is its letters", "of\ufb01ce of the queen", "office of the queen", true},
		{"wide letters are letters", "\uff45\uff4c\uff45\uff50\uff48\uff41\uff4e\uff54 trumpet", good, true},
		{"256 code points", strings.Repeat("é", 256), strings.Repeat("e\u0301", 256), true},
		{"nothing typed", good, "", false},
		{"257 code points typed", strings.Repeat("é", 256), strings.Repeat("é", 257), false},
		{"a megabyte typed", good, strings.Repeat("x", 1<<20), false},
		{"NUL typed", good, good + "\x00", false},
		{"invalid UTF-8 typed", good, good + "\xff", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := h.Verify(t.Context(), hash(t, cheap, c.set), c.typed)
			if want := (password.Result{Match: c.want}); err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestEveryHashHasItsOwnSalt(t *testing.T) {
	if a, b := hash(t, cheap, good), hash(t, cheap, good); a == b {
		t.Errorf("twice %s", a)
	}
}

func TestTheZeroHasherUsesTheDefaults(t *testing.T) {
	if got := hash(t, password.Params{}, good); !strings.HasPrefix(got, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error(got)
	}
}

func TestHashRefusesWhatCouldNeverBeVerified(t *testing.T) {
	h := &password.Hasher{Params: cheap}
	for _, c := range []struct {
		name, password string
		want           password.Reason
	}{
		{"nothing", "", password.TooShort},
		{"257 code points", strings.Repeat("é", 257), password.TooLong},
		{"257 code points once normalised", strings.Repeat("\ufdfa", 15), password.TooLong},
		{"a megabyte", strings.Repeat("x", 1<<20), password.TooLong},
		{"NUL", "elephant\x00trumpet", password.Invalid},
		{"invalid UTF-8", "elephant\xfftrumpet", password.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			var weak *password.WeakError
			if got, err := h.Hash(t.Context(), c.password); !errors.As(err, &weak) || weak.Reason != c.want || got != "" {
				t.Errorf("got %q, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestRehash(t *testing.T) {
	params := func(m, t uint32, p uint8) password.Params {
		return password.Params{Memory: m, Time: t, Threads: p, InsecureBelowMinimum: true}
	}
	current := params(64, 2, 2)
	own := func(p password.Params) string { return hash(t, p, good) }
	for _, c := range []struct {
		name, stored, password string
		want                   password.Result
	}{
		{"the current parameters", own(current), good, password.Result{Match: true}},
		{"memory has been raised", own(params(63, 2, 2)), good, password.Result{Match: true, Rehash: true}},
		{"passes have been raised", own(params(64, 1, 2)), good, password.Result{Match: true, Rehash: true}},
		{"threads have been raised", own(params(64, 2, 1)), good, password.Result{Match: true, Rehash: true}},
		{"more memory but fewer passes", own(params(128, 1, 2)), good, password.Result{Match: true, Rehash: true}},
		{"lowered settings keep the stronger hash", own(params(128, 3, 4)), good, password.Result{Match: true}},
		{"a short salt", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password", password.Result{Match: true, Rehash: true}},
		{"bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", password.Result{Match: true, Rehash: true}},
		{"never without a match, old parameters", own(params(63, 1, 1)), "wrong", password.Result{}},
		{"never without a match, bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "wrong", password.Result{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &password.Hasher{Params: current}
			if got, err := h.Verify(t.Context(), c.stored, c.password); err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// allocated is what f allocates. Almost all of it is the memory of argon2id, so it shows the work without a clock.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestEveryVerifyDoesTheSameWork(t *testing.T) {
	stored := hash(t, password.Params{}, good)
	const bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	h := &password.Hasher{}
	const memory = password.DefaultMemory * 1024
	const cipher = 4168 // the state of Blowfish: four tables of 256 words and 18 subkeys
	for _, c := range []struct {
		name, stored, password string
		least, most            uint64
		err                    error
	}{
		{"right", stored, good, memory, memory * 101 / 100, nil},
		{"wrong", stored, "wrong", memory, memory * 101 / 100, nil},
		{"empty", stored, "", memory, memory * 101 / 100, nil},
		{"over-long", stored, strings.Repeat("x", 257), memory, memory * 101 / 100, nil},
		{"enormous", stored, strings.Repeat("x", 1<<20), memory, memory * 101 / 100, nil},
		{"invalid UTF-8", stored, "\xff", memory, memory * 101 / 100, nil},
		{"NUL", stored, "a\x00b", memory, memory * 101 / 100, nil},
		{"unknown user", "", good, memory, memory * 101 / 100, nil},
		{"unknown user, empty", "", "", memory, memory * 101 / 100, nil},
		{"unknown user, over-long", "", strings.Repeat("x", 257), memory, memory * 101 / 100, nil},
		{"unknown format", "$1$abc$def", good, memory, memory * 101 / 100, password.ErrUnknownFormat},
		{"hostile parameters", "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", good, memory, memory * 101 / 100, password.ErrUnknownFormat},
		{"bcrypt, wrong", bcrypt, "wrong", cipher, memory / 100, nil},
		{"bcrypt, empty", bcrypt, "", cipher, memory / 100, nil},
		{"bcrypt, 73 bytes", bcrypt, strings.Repeat("x", 73), cipher, memory / 100, nil},
		{"bcrypt, over-long", bcrypt, strings.Repeat("x", 257), cipher, memory / 100, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bytes := allocated(func() {
				if _, err := h.Verify(t.Context(), c.stored, c.password); !errors.Is(err, c.err) {
					t.Errorf("got %v, want %v", err, c.err)
				}
			})
			if bytes < c.least || bytes > c.most {
				t.Errorf("worked on %d bytes, want %d to %d", bytes, c.least, c.most)
			}
		})
	}
}

func TestNothingMatchesNoHash(t *testing.T) {
	h := &password.Hasher{Params: cheap}
	for _, pw := range []string{"", good, "\x00", strings.Repeat("x", 257)} {
		if got, err := h.Verify(t.Context(), "", pw); err != nil || got != (password.Result{}) {
			t.Errorf("%.20q: got %+v, %v", pw, got, err)
		}
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		params password.Params
		ok     bool
	}{
		{"the defaults", password.Params{}, true},
		{"OWASP's other choices", password.Params{Memory: 47104, Time: 1}, true},
		{"OWASP's least memory", password.Params{Memory: 7168, Time: 5}, true},
		{"the most", password.Params{Memory: 262144, Time: 16, Threads: 16}, true},
		{"too little memory", password.Params{Memory: 7167, Time: 10}, false},
		{"too few passes for the memory", password.Params{Memory: 9216, Time: 3}, false},
		{"weak on purpose", password.Params{Memory: 8, Time: 1, InsecureBelowMinimum: true}, true},
		{"less memory than argon2 needs, even on purpose", password.Params{Memory: 15, Time: 1, Threads: 2, InsecureBelowMinimum: true}, false},
		{"too much memory", password.Params{Memory: 262145}, false},
		{"too much work", password.Params{Memory: 262144, Time: 17}, false},
		{"too many threads", password.Params{Threads: 17}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.params.Validate(); (err == nil) != c.ok {
				t.Fatalf("Validate: %v", err)
			}
			if c.ok {
				return
			}
			h := &password.Hasher{Params: c.params}
			if got, err := h.Hash(t.Context(), good); err == nil || got != "" {
				t.Errorf("Hash: %q, %v", got, err)
			}
			if got, err := h.Verify(t.Context(), hash(t, cheap, good), good); err == nil || got.Match {
				t.Errorf("Verify: %+v, %v", got, err)
			}
		})
	}
}

func TestACancelledContextHashesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := &password.Hasher{}
	if got, err := h.Hash(ctx, good); !errors.Is(err, context.Canceled) || got != "" {
		t.Errorf("Hash: %q, %v", got, err)
	}
	if got, err := h.Verify(ctx, hash(t, cheap, good), good); !errors.Is(err, context.Canceled) || got.Match {
		t.Errorf("Verify: %+v, %v", got, err)
	}
}

func TestManySignInsAtOnce(t *testing.T) {
	h := &password.Hasher{Params: cheap, Slots: 2, Queue: 10}
	stored := hash(t, cheap, good)
	var served, busy atomic.Int64
	var done sync.WaitGroup
	for caller := range 32 {
		done.Go(func() {
			for range testenv.Count(20, 1000) {
				if caller%8 == 0 {
					if _, err := h.Hash(t.Context(), good); err != nil && !errors.Is(err, password.ErrBusy) {
						t.Error(err)
					}
					continue
				}
				typed, want := good, true
				if caller%2 == 0 {
					typed, want = "wrong", false
				}
				got, err := h.Verify(t.Context(), stored, typed)
				switch {
				case errors.Is(err, password.ErrBusy) && !got.Match:
					busy.Add(1)
				case err == nil && got.Match == want:
					served.Add(1)
				default:
					t.Errorf("%s: got %+v, %v", typed, got, err)
				}
			}
		})
	}
	done.Wait()
	t.Logf("served %d, busy %d", served.Load(), busy.Load())
}
