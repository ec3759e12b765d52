package token_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
)

func opaque() *token.OpaqueTokens {
	keys := map[uint32][]byte{1: []byte(strings.Repeat("a", 32)), 2: []byte(strings.Repeat("b", 32))}
	return &token.OpaqueTokens{Current: 2, Key: func(v uint32) ([]byte, bool) { k, ok := keys[v]; return k, ok }}
}

func TestAnOpaqueTokenSaysNothing(t *testing.T) {
	o := opaque()
	const access = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3JfMSJ9.c2ln"
	one, err := o.Wrap(access)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := o.Wrap(access)
	if one == two || !strings.HasPrefix(one, token.OpaquePrefix) || strings.Contains(one, "eyJ") {
		t.Errorf("%s and %s", one, two)
	}
	for _, value := range []string{one, two} {
		if got, err := o.Unwrap(value); got != access || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	old := opaque()
	old.Current = 1
	earlier, _ := old.Wrap(access)
	if got, err := o.Unwrap(earlier); got != access || err != nil {
		t.Errorf("with the key before: %q, %v", got, err)
	}
	if _, err := o.Wrap(strings.Repeat("x", token.MaxSize)); err == nil {
		t.Error("one that nobody would take was wrapped")
	}
}

func TestWhatIsNoOpaqueToken(t *testing.T) {
	o := opaque()
	good, err := o.Wrap("eyJ.eyJ.sig")
	if err != nil {
		t.Fatal(err)
	}
	other := opaque()
	other.Current, other.Key = 3, func(uint32) ([]byte, bool) { return make([]byte, 32), true }
	foreign, _ := other.Wrap("eyJ.eyJ.sig")
	bad := []string{"", token.OpaquePrefix, good[:len(good)-2], good + "AA", good + "\n", good[:40] + "\n" + good[40:], "eyJ.eyJ.sig", foreign, token.OpaquePrefix + strings.Repeat("A", 40), strings.ToUpper(good)}
	for i := range len(good) {
		c := byte('A')
		if good[i] == c {
			c = 'B'
		}
		bad = append(bad, good[:i]+string(c)+good[i+1:])
	}
	for _, value := range bad {
		if got, err := o.Unwrap(value); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q was taken as %q: %v", value, got, err)
		}
	}
	if _, err := (*token.OpaqueTokens)(nil).Unwrap(good); !errors.Is(err, token.ErrInvalid) {
		t.Error(err)
	}
}

func TestManyWrapAtOnce(t *testing.T) {
	o := opaque()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 50 {
				value, err := o.Wrap("eyJ.eyJ.sig")
				if got, errs := o.Unwrap(value); err != nil || errs != nil || got != "eyJ.eyJ.sig" {
					t.Error(got, err, errs)
				}
			}
		})
	}
	all.Wait()
}

func FuzzUnwrap(f *testing.F) {
	o := opaque()
	good, _ := o.Wrap("eyJ.eyJ.sig")
	f.Add(good)
	f.Add(token.OpaquePrefix)
	f.Fuzz(func(t *testing.T, value string) {
		got, err := o.Unwrap(value)
		if err == nil && got != "eyJ.eyJ.sig" || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
