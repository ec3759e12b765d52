package apikey_test

import (
	"crypto/sha256"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/apikey"
)

var form = regexp.MustCompile(`^sp_live_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$`)

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		k, plain := apikey.Generate()
		hash := sha256.Sum256([]byte(plain))
		if !form.MatchString(plain) || string(k.Hash) != string(hash[:]) || !strings.HasSuffix(plain, k.Last4) || len(k.Last4) != 4 {
			t.Fatalf("%+v is kept of %s", k, plain)
		}
		if id, ok := apikey.Parse(plain); !ok || id != k.ID || !strings.Contains(plain, "_"+id+"_") {
			t.Fatalf("Parse(%s) = %q, %t", plain, id, ok)
		}
		if k.Scopes == nil || seen[k.ID] || seen[plain] {
			t.Fatalf("twice, or not limited: %+v", k)
		}
		seen[k.ID], seen[plain] = true, true
	}
}

func TestEachCharacterIsAsLikelyAsAnyOther(t *testing.T) {
	const keys = 4000
	count := map[rune]int{}
	for range keys {
		k, plain := apikey.Generate()
		for _, c := range k.ID + plain[25:68] {
			count[c]++
		}
	}
	const want = keys * (16 + 43) / 62.0
	for c, n := range count {
		// Five standard deviations; a byte modulo 62 would give some 23 % more to eight of them.
		if d := float64(n) - want; d*d > 25*want {
			t.Errorf("%c came %d times, want about %.0f", c, n, want)
		}
	}
	if len(count) != 62 {
		t.Errorf("%d characters", len(count))
	}
}

// sum is the checksum, written differently.
func sum(s string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n, out := uint64(crc32.ChecksumIEEE([]byte(s))), ""
	for range 6 {
		out = string(alphabet[n%62]) + out
		n /= 62
	}
	return out
}

func TestParse(t *testing.T) {
	_, good := apikey.Generate()
	summed := func(s string) string { return s + sum(s) }
	body := good[:len(good)-6]
	for _, tt := range []struct {
		name, key string
		ok        bool
	}{
		{"a key", good, true},
		{"a checksum of our own making", summed(body), true},
		{"all zeros", summed("sp_live_" + strings.Repeat("0", 16) + "_" + strings.Repeat("0", 43)), true},
		{"empty", "", false},
		{"the prefix alone", "sp_live_", false},
		{"one character less", good[:len(good)-1], false},
		{"one character more", good + "0", false},
		{"a line break behind it", good + "\n", false},
		{"another prefix", summed("sp_test_" + body[8:]), false},
		{"the prefix in capitals", summed("SP_LIVE_" + body[8:]), false},
		{"a wrong checksum", body + "000000", false},
		{"the checksum of another key", body[:66] + "zz" + good[68:], false},
		{"no separator", summed(body[:24] + "0" + body[25:]), false},
		{"a shorter id", summed(body[:23] + "_" + body[24:]), false},
		{"a character that is none of ours in the id", summed("sp_live_-" + body[9:]), false},
		{"a character that is none of ours in the secret", summed(body[:66] + "-" + body[67:]), false},
		{"NUL", summed(body[:66] + "\x00" + body[67:]), false},
		{"no ASCII", summed(body[:65] + "é"), false},
		{"the checksum in another case", body + strings.ToLower(good[68:]) + "", good[68:] == strings.ToLower(good[68:])},
	} {
		if id, ok := apikey.Parse(tt.key); ok != tt.ok || ok == (id == "") {
			t.Errorf("%s: Parse(%q) = %q, %t", tt.name, tt.key, id, ok)
		}
	}
}

// Every mistyped character is noticed: CRC-32 finds any error within 32 bits.
func TestParseNoticesTypingErrors(t *testing.T) {
	_, good := apikey.Generate()
	for i := range good {
		for _, c := range "0aZ_-" {
			if typo := good[:i] + string(c) + good[i+1:]; typo != good {
				if id, ok := apikey.Parse(typo); ok {
					t.Errorf("%s passes as %s", typo, id)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	_, good := apikey.Generate()
	for _, s := range []string{good, "", "sp_live_", good[:73], good + "0", strings.Repeat("sp_live_", 10)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := apikey.Parse(s)
		want := form.MatchString(s) && sum(s[:68]) == s[68:]
		if ok != want || ok && id != s[8:24] || !ok && id != "" {
			t.Errorf("Parse(%q) = %q, %t; want %t", s, id, ok, want)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	_, plain := apikey.Generate()
	b.ReportAllocs()
	for b.Loop() {
		apikey.Parse(plain)
	}
}
