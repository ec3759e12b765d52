package password_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/sallyport-auth/sallyport/authn/password"
)

const (
	salt = "$c29tZXNhbHQ$"
	key  = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	blow = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

var hashes = []struct {
	name, stored string
	ok           bool
}{
	{"argon2id", "$argon2id$v=19$m=256,t=2,p=1" + salt + key, true},
	{"argon2id, the most memory", "$argon2id$v=19$m=262144,t=16,p=1" + salt + key, true},
	{"argon2id, a key of 16 bytes", "$argon2id$v=19$m=256,t=2,p=1" + salt + "nf65EOgLrQMR/uIPnA4rEg", true},
	{"bcrypt 2a", "$2a$10$" + blow, true},
	{"bcrypt 2b", "$2b$04$" + blow, true},
	{"bcrypt 2y", "$2y$15$" + blow, true},

	{"too much memory", "$argon2id$v=19$m=262145,t=1,p=1" + salt + key, false},
	{"all the memory there is", "$argon2id$v=19$m=4294967295,t=1,p=1" + salt + key, false},
	{"memory beyond 32 bits", "$argon2id$v=19$m=4294967552,t=2,p=1" + salt + key, false},
	{"too much work", "$argon2id$v=19$m=262144,t=17,p=1" + salt + key, false},
	{"too many passes", "$argon2id$v=19$m=256,t=4294967295,p=1" + salt + key, false},
	{"too many threads", "$argon2id$v=19$m=65536,t=1,p=17" + salt + key, false},
	{"threads beyond 8 bits", "$argon2id$v=19$m=65536,t=1,p=257" + salt + key, false},
	{"too little memory for the threads", "$argon2id$v=19$m=15,t=1,p=2" + salt + key, false},
	{"no memory", "$argon2id$v=19$m=0,t=1,p=1" + salt + key, false},
	{"no passes", "$argon2id$v=19$m=256,t=0,p=1" + salt + key, false},
	{"no threads", "$argon2id$v=19$m=256,t=1,p=0" + salt + key, false},
	{"a negative number", "$argon2id$v=19$m=-256,t=2,p=1" + salt + key, false},
	{"a plus sign", "$argon2id$v=19$m=+256,t=2,p=1" + salt + key, false},
	{"a leading zero", "$argon2id$v=19$m=0256,t=2,p=1" + salt + key, false},
	{"another order", "$argon2id$v=19$t=2,m=256,p=1" + salt + key, false},
	{"a missing parameter", "$argon2id$v=19$m=256,t=2" + salt + key, false},
	{"a parameter twice", "$argon2id$v=19$m=256,t=2,p=1,p=1" + salt + key, false},
	{"a parameter without its name", "$argon2id$v=19$256,2,1" + salt + key, false},
	{"a key id", "$argon2id$v=19$m=256,t=2,p=1,keyid=Zm9v" + salt + key, false},
	{"a missing version", "$argon2id$m=256,t=2,p=1" + salt + key, false},
	{"version 16", "$argon2id$v=16$m=256,t=2,p=1" + salt + key, false},
	{"the prefix twice", "$argon2id$v=19$$argon2id$v=19$m=256,t=2,p=1" + salt + key, false},
	{"argon2i", "$argon2i$v=19$m=256,t=2,p=1" + salt + key, true},
	{"argon2d", "$argon2d$v=19$m=256,t=2,p=1" + salt + key, true},
	{"upper case", "$ARGON2ID$v=19$m=256,t=2,p=1" + salt + key, false},
	{"no salt", "$argon2id$v=19$m=256,t=2,p=1$$" + key, false},
	{"a salt of 7 bytes", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbA$" + key, false},
	{"an endless salt", "$argon2id$v=19$m=256,t=2,p=1$" + strings.Repeat("A", 1<<20) + "$" + key, false},
	{"no key", "$argon2id$v=19$m=256,t=2,p=1" + salt, false},
	{"a key of 15 bytes", "$argon2id$v=19$m=256,t=2,p=1" + salt + "nf65EOgLrQMR/uIPnA4r", false},
	{"an endless key", "$argon2id$v=19$m=256,t=2,p=1" + salt + strings.Repeat("A", 1<<20), false},
	{"padding", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ=$" + key, false},
	{"bits left over", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHR$" + key, false},
	{"the URL alphabet", "$argon2id$v=19$m=256,t=2,p=1" + salt + strings.ReplaceAll(key, "/", "_"), false},
	{"a line break in the key", "$argon2id$v=19$m=256,t=2,p=1" + salt + key[:20] + "\n" + key[20:], false},
	{"a line break at the end", "$argon2id$v=19$m=256,t=2,p=1" + salt + key + "\n", false},
	{"a space in front", " $argon2id$v=19$m=256,t=2,p=1" + salt + key, false},
	{"another field", "$argon2id$v=19$m=256,t=2,p=1" + salt + key + "$", false},

	{"bcrypt 2", "$2$10$" + blow, false},
	{"bcrypt 2x", "$2x$10$" + blow, false},
	{"bcrypt 3a", "$3a$10$" + blow, false},
	{"bcrypt, cost 3", "$2a$03$" + blow, false},
	{"bcrypt, cost 16", "$2a$16$" + blow, false},
	{"bcrypt, cost 31", "$2a$31$" + blow, false},
	{"bcrypt, cost +9", "$2a$+9$" + blow, false},
	{"bcrypt, cost of letters", "$2a$xx$" + blow, false},
	{"bcrypt, a character short", "$2a$10$" + blow[1:], false},
	{"bcrypt, a character long", "$2a$10$" + blow + "a", false},
	{"bcrypt, a foreign character", "$2a$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvy=eW", false},
	{"bcrypt, NUL", "$2a$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO\x00W", false},
	{"bcrypt, the beginning", "$2", false},

	{"sha512crypt", "$6$rounds=5000$c29tZXNhbHQ$abc", false},
	{"the password itself", "elephant trumpet", false},
	{"a space", " ", false},
	{"dollars", "$$$$$", false},
}

func TestParse(t *testing.T) {
	for _, c := range hashes {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := password.Parse(c.stored)
			if c.ok && (err != nil || got != c.stored) {
				t.Errorf("got %q, %v", got, err)
			}
			if !c.ok && !errors.Is(err, password.ErrUnknownFormat) {
				t.Errorf("got %v, want ErrUnknownFormat", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range hashes {
		f.Add(c.stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		got, params, err := password.Parse(stored)
		if err != nil {
			if !errors.Is(err, password.ErrUnknownFormat) {
				t.Errorf("error %v is not ErrUnknownFormat", err)
			}
			return
		}
		if got != stored {
			t.Errorf("accepted %q as %q", stored, got)
		}
		if params.Memory > 256*1024 || uint64(params.Memory)*uint64(params.Time) > 4*1024*1024 || params.Threads > 16 {
			t.Errorf("accepted the parameters %+v", params)
		}
	})
}

// FuzzVerify types everything against both formats: nothing panics, and only the password itself matches.
func FuzzVerify(f *testing.F) {
	const set = "elephant trumpet"
	h := &password.Hasher{Params: cheap}
	argon2id := hash(f, cheap, set)
	for _, pw := range []string{"", set, "\xff", "\x00", strings.Repeat("x", 73), strings.Repeat("\ufdfa", 256), "\uff45lephant trumpet"} {
		f.Add(pw)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := h.Verify(t.Context(), argon2id, typed)
		if err != nil {
			t.Fatal(err)
		}
		if want := norm.NFKC.String(typed) == set; got.Match != want {
			t.Errorf("%q gives %+v, want match %v", typed, got, want)
		}
		got, err = h.Verify(t.Context(), "$2a$04$"+blow, typed)
		if err != nil || got.Match {
			t.Errorf("bcrypt: %q gives %+v, %v", typed, got, err)
		}
	})
}
