package secret_test

import (
	"bytes"
	"errors"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

func sealer(t testing.TB, keys ...[]byte) *secret.Sealer {
	t.Helper()
	s, err := secret.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpens(t *testing.T) {
	s := sealer(t, secret.NewKey())
	for _, plain := range [][]byte{nil, {}, {0}, []byte("a private key"), bytes.Repeat([]byte{7}, 1<<16)} {
		box := s.Seal("signing_keys", "kid", plain)
		got, err := s.Open("signing_keys", "kid", box)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d bytes, %v", len(plain), len(got), err)
		}
	}
	if bytes.Equal(s.Seal("p", "i", []byte("x")), s.Seal("p", "i", []byte("x"))) {
		t.Error("two boxes of the same value are equal: the nonce is not random")
	}
}

func TestOpenRefuses(t *testing.T) {
	s, other := sealer(t, secret.NewKey()), sealer(t, secret.NewKey())
	box := s.Seal("totp", "usr_1", []byte("seed"))
	altered := func(i int) []byte {
		b := bytes.Clone(box)
		b[i] ^= 1
		return b
	}
	for _, c := range []struct {
		name, purpose, id string
		by                *secret.Sealer
		box               []byte
		want              error
	}{
		{"another installation's key", "totp", "usr_1", other, box, secret.ErrUnknownKey},
		{"another purpose", "keys", "usr_1", s, box, secret.ErrCorrupt},
		{"another record", "totp", "usr_2", s, box, secret.ErrCorrupt},
		{"the border of purpose and id moved", "tot", "pusr_1", s, box, secret.ErrCorrupt},
		{"nothing", "totp", "usr_1", s, nil, secret.ErrCorrupt},
		{"a box cut short", "totp", "usr_1", s, box[:len(box)-1], secret.ErrCorrupt},
		{"a box with more behind it", "totp", "usr_1", s, append(bytes.Clone(box), 0), secret.ErrCorrupt},
		{"an altered version", "totp", "usr_1", s, altered(0), secret.ErrCorrupt},
		{"an altered key id", "totp", "usr_1", s, altered(1), secret.ErrUnknownKey},
		{"an altered nonce", "totp", "usr_1", s, altered(5), secret.ErrCorrupt},
		{"an altered ciphertext", "totp", "usr_1", s, altered(18), secret.ErrCorrupt},
		{"an altered tag", "totp", "usr_1", s, altered(len(box) - 1), secret.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			if plain, err := c.by.Open(c.purpose, c.id, c.box); !errors.Is(err, c.want) || plain != nil {
				t.Errorf("got %q, %v; want %v", plain, err, c.want)
			}
		})
	}
}

func TestNewRefusesBadKeys(t *testing.T) {
	good := secret.NewKey()
	for _, c := range []struct {
		name string
		keys [][]byte
	}{
		{"none", nil},
		{"a nil key", [][]byte{nil}},
		{"a short key", [][]byte{good[:31]}},
		{"a long key", [][]byte{append(bytes.Clone(good), 1)}},
		{"all zero", [][]byte{make([]byte, 32)}},
		{"one byte repeated", [][]byte{bytes.Repeat([]byte{'x'}, 32)}},
		{"the same key twice", [][]byte{good, good}},
		{"a good key and a bad one", [][]byte{good, good[:5]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := secret.New(c.keys...); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestTheSealingKeyRotates(t *testing.T) {
	k1, k2 := secret.NewKey(), secret.NewKey()
	before, during, after := sealer(t, k1), sealer(t, k2, k1), sealer(t, k2)
	old := before.Seal("p", "id", []byte("v"))
	if before.Stale(old) || !during.Stale(old) {
		t.Error("a box is stale exactly if it was not sealed under the newest key")
	}
	plain, err := during.Open("p", "id", old)
	if err != nil {
		t.Fatal(err)
	}
	renewed := during.Seal("p", "id", plain)
	if during.Stale(renewed) {
		t.Error("sealed with the old key")
	}
	if got, err := after.Open("p", "id", renewed); err != nil || string(got) != "v" {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	if _, err := after.Open("p", "id", old); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("a box of the dropped key: %v", err)
	}
	if got, ok := during.DeriveFrom(before.KeyID(), "refresh"); !ok || !bytes.Equal(got, before.Derive("refresh")) {
		t.Error("a working key of the older sealing key cannot be had")
	}
	if all := during.DeriveAll("refresh"); len(all) != 2 || !bytes.Equal(all[0], after.Derive("refresh")) || !bytes.Equal(all[1], before.Derive("refresh")) {
		t.Error("the working keys of all sealing keys are not those of each, the newest first")
	}
	if _, ok := after.DeriveFrom(before.KeyID(), "refresh"); ok {
		t.Error("a working key of a dropped sealing key")
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	k := secret.NewKey()
	s := sealer(t, k)
	a, b := s.Derive("refresh"), s.Derive("cookie")
	if len(a) != 32 || bytes.Equal(a, b) || bytes.Equal(a, k) {
		t.Error("working keys are not separate")
	}
	if !bytes.Equal(a, sealer(t, k).Derive("refresh")) {
		t.Error("a working key changes between starts")
	}
}

func TestAWrongKeyIsNoticed(t *testing.T) {
	right, wrong := sealer(t, secret.NewKey()), sealer(t, secret.NewKey())
	check := right.Check()
	if err := right.Confirm(check); err != nil {
		t.Error(err)
	}
	if err := wrong.Confirm(check); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("wrong key: %v", err)
	}
	if err := right.Confirm(nil); !errors.Is(err, secret.ErrCorrupt) {
		t.Errorf("no check: %v", err)
	}
	if err := right.Confirm(right.Seal("other", "", []byte("sallyport"))); err == nil {
		t.Error("a box of another purpose passes as the check")
	}
}

func TestKeysAsText(t *testing.T) {
	k := secret.NewKey()
	got, err := secret.ParseKey(" " + secret.FormatKey(k) + "\r\n")
	if err != nil || !bytes.Equal(got, k) {
		t.Errorf("got %x, %v", got, err)
	}
	text := secret.FormatKey(k)
	for _, c := range []struct{ name, text string }{
		{"nothing", ""}, {"too short", text[:42]}, {"padded", text + "="},
		{"a line break inside", text[:20] + "\n" + text[20:]}, {"not base64", strings.Repeat("!", 43)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := secret.ParseKey(c.text)
			if err == nil {
				t.Fatal("accepted")
			}
			if c.text != "" && strings.Contains(err.Error(), c.text) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for range 50 {
			ids = append(ids, secret.NewID("usr"))
			time.Sleep(time.Millisecond)
		}
		if !sort.StringsAreSorted(ids) {
			t.Error("identifiers do not sort by time")
		}
	})
	seen := map[string]bool{}
	for range 1000 {
		id := secret.NewID("key")
		if !secret.IsID("key", id) || seen[id] {
			t.Fatalf("%q is malformed or repeated", id)
		}
		seen[id] = true
	}
	id := secret.NewID("usr")
	for _, bad := range []string{"", "usr_", id[4:], id + "0", id[:len(id)-1] + "1", strings.ToUpper(id), "key" + id[3:], strings.Replace(id, "_", "-", 1), "usr_" + strings.Repeat("i", 26)} {
		if secret.IsID("usr", bad) {
			t.Errorf("%q passes as an identifier", bad)
		}
	}
}

func TestTokensAndHashes(t *testing.T) {
	a, b := secret.NewToken(), secret.NewToken()
	if len(a) != 43 || a == b {
		t.Errorf("tokens %q, %q", a, b)
	}
	h := secret.Hash(a)
	if len(h) != 32 || !secret.Equal(h, secret.Hash(a)) || secret.Equal(h, secret.Hash(b)) {
		t.Error("hashes do not tell tokens apart")
	}
	if secret.Equal(nil, nil) || secret.Equal(h, nil) || secret.Equal(h, h[:31]) {
		t.Error("an empty or shorter value equals something")
	}
}

func FuzzOpen(f *testing.F) {
	key := bytes.Repeat([]byte{1, 2}, 16)
	s := sealer(f, key)
	f.Add("p", "id", s.Seal("p", "id", []byte("value")))
	f.Add("", "", []byte{1, 0, 0, 0, 0})
	f.Add("check", "", s.Check())
	f.Fuzz(func(t *testing.T, purpose, id string, box []byte) {
		plain, err := s.Open(purpose, id, box)
		if err != nil {
			if plain != nil || (!errors.Is(err, secret.ErrCorrupt) && !errors.Is(err, secret.ErrUnknownKey)) {
				t.Errorf("failed with %q, %v", plain, err)
			}
			return
		}
		if s.Stale(box) {
			t.Error("opened a box that claims another key")
		}
		again, err := s.Open(purpose, id, s.Seal(purpose, id, plain))
		if err != nil || !bytes.Equal(again, plain) {
			t.Errorf("sealed again: %q, %v", again, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	s := sealer(b, secret.NewKey())
	box := s.Seal("p", "id", make([]byte, 128))
	for b.Loop() {
		if _, err := s.Open("p", "id", box); err != nil {
			b.Fatal(err)
		}
	}
}
