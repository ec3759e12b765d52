package otp_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

// The vectors of RFC 4226, appendix D: the counter is the step.
func TestTheVectorsOfRFC4226(t *testing.T) {
	k := otp.Key{Secret: []byte("12345678901234567890"), Algorithm: otp.SHA1, Digits: 6, Period: 30 * time.Second}
	for step, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := k.Code(int64(step)); got != want {
			t.Errorf("count %d: %s, want %s", step, got, want)
		}
	}
}

// The vectors of RFC 6238, appendix B. The secrets are as long as the hash, as the
// reference implementation there has them.
func TestTheVectorsOfRFC6238(t *testing.T) {
	secret := func(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }
	keys := []otp.Key{
		{Secret: secret(20), Algorithm: otp.SHA1, Digits: 8, Period: 30 * time.Second},
		{Secret: secret(32), Algorithm: otp.SHA256, Digits: 8, Period: 30 * time.Second},
		{Secret: secret(64), Algorithm: otp.SHA512, Digits: 8, Period: 30 * time.Second},
	}
	for _, v := range []struct {
		at    int64
		codes [3]string
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1111111111, [3]string{"14050471", "67062674", "99943326"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{2000000000, [3]string{"69279037", "90698825", "38618901"}},
		{20000000000, [3]string{"65353130", "77737706", "47863826"}},
	} {
		for i, k := range keys {
			now := time.Unix(v.at, 0)
			if got := k.Code(k.Step(now)); got != v.codes[i] {
				t.Errorf("%s at %d: %s, want %s", k.Algorithm, v.at, got, v.codes[i])
			}
			if step, ok := k.Match(v.codes[i], now, 0); !ok || step != k.Step(now) {
				t.Errorf("%s at %d does not match", k.Algorithm, v.at)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	k := otp.Key{Secret: []byte("12345678901234567890"), Algorithm: otp.SHA1, Digits: 6, Period: 30 * time.Second}
	now := time.Unix(1234567890, 0)
	at := k.Step(now)
	for _, c := range []struct {
		name string
		code string
		last int64
		step int64
		ok   bool
	}{
		{"the code of now", k.Code(at), 0, at, true},
		{"a clock that is late", k.Code(at - 1), 0, at - 1, true},
		{"a clock that is early", k.Code(at + 1), 0, at + 1, true},
		{"two steps ago", k.Code(at - 2), 0, 0, false},
		{"two steps ahead", k.Code(at + 2), 0, 0, false},
		{"used just now", k.Code(at), at, at, false},
		{"the one before, after that of now", k.Code(at - 1), at, at - 1, false},
		{"the next one, after that of now", k.Code(at + 1), at, at + 1, true},
		{"wrong", "000000", 0, 0, false},
		{"nothing", "", 0, 0, false},
		{"too short", k.Code(at)[:5], 0, 0, false},
		{"too long", k.Code(at) + "0", 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if step, ok := k.Match(c.code, now, c.last); step != c.step || ok != c.ok {
				t.Errorf("got %d, %v; want %d, %v", step, ok, c.step, c.ok)
			}
		})
	}
}

func TestAKeyThatIsNoneMatchesNothing(t *testing.T) {
	good := otp.NewKey()
	for name, change := range map[string]func(*otp.Key){
		"the zero key":           func(k *otp.Key) { *k = otp.Key{} },
		"no secret":              func(k *otp.Key) { k.Secret = nil },
		"an unknown algorithm":   func(k *otp.Key) { k.Algorithm = "MD5" },
		"no digits":              func(k *otp.Key) { k.Digits = 0 },
		"a period of nothing":    func(k *otp.Key) { k.Period = 0 },
		"a period below seconds": func(k *otp.Key) { k.Period = time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			k := good
			change(&k)
			now := time.Now()
			for _, code := range []string{"", k.Code(k.Step(now)), "000000"} {
				if _, ok := k.Match(code, now, 0); ok {
					t.Errorf("matches %q", code)
				}
			}
		})
	}
}

func TestANewKey(t *testing.T) {
	a, b := otp.NewKey(), otp.NewKey()
	if len(a.Secret) != 20 || string(a.Secret) == string(b.Secret) {
		t.Errorf("secrets of %d bytes, equal %v", len(a.Secret), string(a.Secret) == string(b.Secret))
	}
	if n, err := strconv.Atoi(a.Code(a.Step(time.Now()))); err != nil || n > 999999 {
		t.Errorf("its code is %d, %v", n, err)
	}
	groups := strings.Split(a.Text(), " ")
	if len(groups) != 8 || len(groups[0]) != 4 {
		t.Errorf("written %q", a.Text())
	}
	if back, err := otp.ParseSecret(a.Text()); err != nil || string(back) != string(a.Secret) {
		t.Errorf("read back: %v", err)
	}
}
