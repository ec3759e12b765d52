package passkey_test

import (
	"errors"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
)

const challenge = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

// seeds are good answers of every algorithm, to the challenge, beside nonsense.
func seeds(f *testing.F, answers func(*passkey.Party, *passkeytest.Device) []byte) {
	for _, alg := range []int{passkeytest.EdDSA, passkeytest.ES256, passkeytest.RS256, passkeytest.ES384} {
		d := device()
		d.Alg = alg
		f.Add(answers(party(""), d))
	}
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`))
	f.Add([]byte(`{}`))
}

func made(f *testing.F, d *passkeytest.Device) []byte {
	b, err := d.Create([]byte(`{"challenge":"` + challenge + `","rp":{"id":"id.example"},"user":{"id":"dXNyX2Fubg"}}`))
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// Whatever comes is malformed, refused, or a passkey that can be kept and used.
func FuzzRegistration(f *testing.F) {
	seeds(f, func(_ *passkey.Party, d *passkeytest.Device) []byte { return made(f, d) })
	f.Fuzz(func(t *testing.T, answer []byte) {
		r, err := passkey.ParseRegistration(answer)
		if err != nil {
			if !errors.Is(err, passkey.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		k, err := party("").Register(challenge, r)
		switch {
		case errors.Is(err, passkey.ErrRefused):
		case err != nil:
			t.Fatal(err)
		case r.Challenge() != challenge, len(k.CredentialID) < 16, len(k.CredentialID) > 1023, passkey.CheckKey(k.PublicKey) != nil, len(k.Transports) > 8:
			t.Errorf("%+v", k)
		}
	})
}

// Nobody but the device signs: what verifies was signed over this very challenge, for
// a passkey that is kept with what the device has said of it.
func FuzzAssertion(f *testing.F) {
	seeds(f, func(_ *passkey.Party, d *passkeytest.Device) []byte {
		made(f, d)
		b, err := d.Get([]byte(`{"challenge":"` + challenge + `","rpId":"id.example"}`))
		if err != nil {
			f.Fatal(err)
		}
		return b
	})
	known := device()
	r, err := passkey.ParseRegistration(made(f, known))
	if err != nil {
		f.Fatal(err)
	}
	k, err := party("").Register(challenge, r)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		a, err := passkey.ParseAssertion(answer)
		if err != nil {
			if !errors.Is(err, passkey.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if len(a.CredentialID()) == 0 {
			t.Error("no credential id")
		}
		if _, err := party("").Verify(challenge, a, &k); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("an answer that the device never gave: %v", err)
		}
	})
}
