package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// refreshTokens has two keys, of the versions 1 and 7; new families use 7.
func refreshTokens() *token.RefreshTokens {
	keys := map[uint32][]byte{1: bytes.Repeat([]byte("old "), 8), 7: bytes.Repeat([]byte("new "), 8)}
	return &token.RefreshTokens{Current: 7, Key: func(v uint32) ([]byte, bool) {
		key, ok := keys[v]
		return key, ok
	}}
}

func formatRefresh(t testing.TB, r *token.RefreshTokens, rt token.RefreshToken) string {
	t.Helper()
	s, err := r.Format(rt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRefreshTokensAreReadAsWritten(t *testing.T) {
	r := refreshTokens()
	family := token.NewFamilyID()
	seen := map[string]bool{}
	for _, version := range []uint32{1, 7} {
		for _, counter := range []int64{0, 1, 2, 255, 1 << 40, math.MaxInt64} {
			want := token.RefreshToken{Family: family, KeyVersion: version, Counter: counter}
			s := formatRefresh(t, r, want)
			if got, err := r.Parse(s); err != nil || got != want {
				t.Errorf("%+v was read as %+v, %v", want, got, err)
			}
			if again := formatRefresh(t, r, want); again != s {
				t.Error("a repeated use would get another successor")
			}
			if seen[s] || !strings.HasPrefix(s, "sp_rt_") || strings.Contains(s, family) || len(s) != 66 {
				t.Errorf("token %q", s)
			}
			seen[s] = true
		}
	}
	if other := formatRefresh(t, r, token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 7}); seen[other] {
		t.Error("two families have one token")
	}
}

func TestFormatRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		t    token.RefreshToken
	}{
		{"a family that is none", token.RefreshToken{Family: "fam_1", KeyVersion: 7}},
		{"another kind of id", token.RefreshToken{Family: strings.Replace(token.NewFamilyID(), "fam", "ses", 1), KeyVersion: 7}},
		{"no family", token.RefreshToken{KeyVersion: 7}},
		{"an unknown key", token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 2}},
		{"a negative counter", token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 7, Counter: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s, err := refreshTokens().Format(c.t); err == nil || s != "" {
				t.Errorf("wrote %q, %v", s, err)
			}
		})
	}
}

func TestParseRefreshRefuses(t *testing.T) {
	r := refreshTokens()
	good := token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 7, Counter: 3}
	s := formatRefresh(t, r, good)
	body := decodeRefresh(t, s)
	// edit writes the token anew after a change of its bytes, without another hash.
	edit := func(change func(b []byte) []byte) string { return encodeRefresh(change(bytes.Clone(body))) }
	old := decodeRefresh(t, formatRefresh(t, r, token.RefreshToken{Family: good.Family, KeyVersion: 1, Counter: 3}))
	stranger := &token.RefreshTokens{Current: 7, Key: func(uint32) ([]byte, bool) { return bytes.Repeat([]byte("evil"), 8), true }}

	for _, c := range []struct{ name, token string }{
		{"nothing", ""},
		{"the prefix alone", "sp_rt_"},
		{"no prefix", s[len("sp_rt_"):]},
		{"another prefix", "sp_live_" + s[len("sp_rt_"):]},
		{"the prefix in capitals", "SP_RT_" + s[len("sp_rt_"):]},
		{"the prefix twice", "sp_rt_" + s},
		{"a character too few", s[:len(s)-1]},
		{"a character too many", s + "A"},
		{"a blank before", " " + s},
		{"a line break after", s + "\n"},
		{"a line break instead of a character", s[:20] + "\n" + s[21:]},
		{"padding", s + "=="},
		{"the other base64 alphabet", s[:20] + "+" + s[21:]},
		{"NUL", s[:20] + "\x00" + s[21:]},
		{"non-canonical last bits", s[:len(s)-1] + nextCharacter(s[len(s)-1])},
		{"a megabyte", "sp_rt_" + strings.Repeat("A", 1<<20)},
		{"another format version", edit(func(b []byte) []byte { b[0] = 2; return b })},
		{"an unknown key version", edit(func(b []byte) []byte { b[4] = 2; return b })},
		{"another key version", edit(func(b []byte) []byte { b[4] = 1; return b })},
		{"another family", edit(func(b []byte) []byte { b[5] ^= 1; return b })},
		{"the next counter", edit(func(b []byte) []byte { b[28]++; return b })},
		{"a negative counter", edit(func(b []byte) []byte { b[21] = 0x80; return b })},
		{"an altered hash", edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		{"no hash", edit(func(b []byte) []byte { clear(b[29:]); return b })},
		{"the hash of another key's token", edit(func(b []byte) []byte { copy(b[29:], old[29:]); return b })},
		{"another installation's token", formatRefresh(t, stranger, good)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := r.Parse(c.token); err == nil || got != (token.RefreshToken{}) {
				t.Errorf("read %+v, %v", got, err)
			} else if c.token != "" && strings.Contains(err.Error(), c.token) {
				t.Error("the error shows the token")
			}
		})
	}
}

// A token that we hashed ourselves and that is malformed all the same shows that
// the hash alone does not make a token good.
func TestParseRefreshRefusesANegativeCounterWithAGoodHash(t *testing.T) {
	key := bytes.Repeat([]byte("new "), 8)
	b := binary.BigEndian.AppendUint32([]byte{1}, 7)
	b = append(b, make([]byte, 16)...)
	negative := int64(-1)
	b = binary.BigEndian.AppendUint64(b, uint64(negative))
	b = append(b, token.RefreshHash(key, b)...)
	if got, err := refreshTokens().Parse(encodeRefresh(b)); err == nil {
		t.Errorf("read %+v", got)
	}
}

func TestADroppedKeyEndsItsTokens(t *testing.T) {
	r := refreshTokens()
	s := formatRefresh(t, r, token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 1})
	if _, err := r.Parse(s); err != nil {
		t.Fatal(err)
	}
	all := r.Key
	r.Key = func(v uint32) ([]byte, bool) {
		if v == 1 {
			return nil, false
		}
		return all(v)
	}
	if got, err := r.Parse(s); err == nil {
		t.Errorf("read %+v", got)
	}
}

func decodeRefresh(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(s, "sp_rt_"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encodeRefresh(b []byte) string { return "sp_rt_" + base64.RawURLEncoding.EncodeToString(b) }

// nextCharacter is the next in the alphabet: 45 bytes leave no bits over, so this
// is another hash; were the format to change, it would be another way of writing.
func nextCharacter(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[(strings.IndexByte(alphabet, c)+1)%len(alphabet)])
}

// FuzzParseRefresh: what is read is written as it was, by us.
func FuzzParseRefresh(f *testing.F) {
	r := refreshTokens()
	f.Add(formatRefresh(f, r, token.RefreshToken{Family: "fam_" + strings.Repeat("0", 26), KeyVersion: 7}))
	f.Add(formatRefresh(f, r, token.RefreshToken{Family: "fam_" + strings.Repeat("0", 26), KeyVersion: 1, Counter: math.MaxInt64}))
	f.Add(encodeRefresh(make([]byte, 45)))
	f.Add("sp_rt_")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := r.Parse(s)
		if err != nil {
			if got != (token.RefreshToken{}) {
				t.Fatalf("refused, and yet %+v", got)
			}
			return
		}
		if again, err := r.Format(got); err != nil || again != s {
			t.Fatalf("%q was read as %+v, which is written as %q (%v)", s, got, again, err)
		}
	})
}

func BenchmarkParseRefresh(b *testing.B) {
	r := refreshTokens()
	s := formatRefresh(b, r, token.RefreshToken{Family: token.NewFamilyID(), KeyVersion: 7, Counter: 9})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Parse(s); err != nil {
			b.Fatal(err)
		}
	}
}
