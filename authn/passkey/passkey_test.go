package passkey_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

const origin = "https://id.example"

func party(v passkey.Verification) *passkey.Party {
	return &passkey.Party{ID: "id.example", Name: "Orchard", Origins: []string{origin, "https://related.example"}, Verification: v}
}

var ann = passkey.Person{Handle: []byte("usr_ann"), Name: "ann"}

func device() *passkeytest.Device { return &passkeytest.Device{Origin: origin} }

func options(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// register has the device make a passkey, and reads what comes of it.
func register(t *testing.T, p *passkey.Party, d *passkeytest.Device) (passkey.Passkey, error) {
	t.Helper()
	challenge := secret.NewToken()
	answer, err := d.Create(options(t, p.Creation(challenge, ann, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := passkey.ParseRegistration(answer)
	if err != nil {
		return passkey.Passkey{}, err
	}
	k, err := p.Register(challenge, r)
	k.Handle = ann.Handle
	return k, err
}

// registered is register, where nothing is wrong.
func registered(t *testing.T, p *passkey.Party, d *passkeytest.Device) passkey.Passkey {
	t.Helper()
	k, err := register(t, p, d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// use has the device use the passkey.
func use(t *testing.T, p *passkey.Party, d *passkeytest.Device, k *passkey.Passkey) (passkey.Use, error) {
	t.Helper()
	challenge := secret.NewToken()
	answer, err := d.Get(options(t, p.Request(challenge, nil)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := passkey.ParseAssertion(answer)
	if err != nil {
		return passkey.Use{}, err
	}
	return p.Verify(challenge, a, k)
}

func TestWhatADeviceMakesItCanUse(t *testing.T) {
	for _, tt := range []struct {
		name string
		alg  int
	}{{"EdDSA", passkeytest.EdDSA}, {"ES256", passkeytest.ES256}, {"RS256", passkeytest.RS256}} {
		t.Run(tt.name, func(t *testing.T) {
			p, d := party(""), device()
			d.Alg = tt.alg
			k := registered(t, p, d)
			if k.ID == "" || len(k.CredentialID) != 32 || k.Synced || k.BackedUp || k.SignCount != 0 {
				t.Errorf("%+v", k)
			}
			if want := []string{"internal", "hybrid"}; !slices.Equal(k.Transports, want) {
				t.Errorf("transports %q, want %q", k.Transports, want)
			}
			u, err := use(t, p, d, &k)
			if want := (passkey.Use{Verified: true}); err != nil || u != want {
				t.Errorf("got %+v and %v, want %+v", u, err, want)
			}
		})
	}
}

func TestTheFirstUseSaysWhetherAnImportedPasskeyIsSynced(t *testing.T) {
	for _, synced := range []bool{true, false} {
		p, d := party(""), device()
		d.Flags = passkeytest.Present
		if synced {
			d.Flags |= passkeytest.Eligible
		}
		k := registered(t, p, d)
		k.Synced, k.Unseen = !synced, true
		u, err := use(t, p, d, &k)
		if err != nil || u.Synced != synced {
			t.Errorf("synced %v: got %+v and %v", synced, u, err)
		}
	}
}

func TestOptionsAskForWhatSignInNeeds(t *testing.T) {
	k := passkey.Passkey{CredentialID: []byte{1, 2, 3}, Transports: []string{"usb"}}
	for _, tt := range []struct {
		name string
		got  any
		want string
	}{
		{"to make one", party("").Creation("ch", ann, []passkey.Passkey{k}),
			`{"challenge":"ch","rp":{"id":"id.example","name":"Orchard"},"user":{"id":"dXNyX2Fubg","name":"ann","displayName":"ann"},` +
				`"pubKeyCredParams":[{"type":"public-key","alg":-8},{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],"timeout":300000,` +
				`"excludeCredentials":[{"type":"public-key","id":"AQID","transports":["usb"]}],` +
				`"authenticatorSelection":{"residentKey":"required","requireResidentKey":true,"userVerification":"preferred"},"attestation":"none"}`},
		{"to use whichever", party(passkey.Required).Request("ch", nil),
			`{"challenge":"ch","timeout":300000,"rpId":"id.example","allowCredentials":[],"userVerification":"required"}`},
	} {
		if got := string(options(t, tt.got)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// An attack is one thing that is wrong with an answer.
type attack struct {
	name string
	do   func(*passkeytest.Answer)
}

var attacks = []attack{
	{"a page of another origin", func(a *passkeytest.Answer) { a.Origin = "https://evil.example" }},
	{"an origin that begins alike", func(a *passkeytest.Answer) { a.Origin = "https://id.example.evil.example" }},
	{"an origin that ends alike", func(a *passkeytest.Answer) { a.Origin = "https://evil-id.example" }},
	{"plain http", func(a *passkeytest.Answer) { a.Origin = "http://id.example" }},
	{"another port", func(a *passkeytest.Answer) { a.Origin = "https://id.example:8443" }},
	{"no origin", func(a *passkeytest.Answer) { a.Origin = "" }},
	{"a frame in a page of somebody else", func(a *passkeytest.Answer) { a.CrossOrigin = true }},
	{"another challenge", func(a *passkeytest.Answer) { a.Challenge = secret.NewToken() }},
	{"no challenge", func(a *passkeytest.Answer) { a.Challenge = "" }},
	{"another party", func(a *passkeytest.Answer) { a.RP = "evil.example" }},
	{"nobody present", func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Present }},
	{"backed up, and not eligible for it", func(a *passkeytest.Answer) { a.Flags |= passkeytest.BackedUp }},
}

func TestARegistrationIsRefused(t *testing.T) {
	for _, tt := range append(attacks,
		attack{"the answer to another question", func(a *passkeytest.Answer) { a.Type = "webauthn.get" }},
		attack{"a short credential id", func(a *passkeytest.Answer) { a.ID = a.ID[:15] }},
		attack{"a point that is not on the curve", func(a *passkeytest.Answer) { a.Key[len(a.Key)-1] ^= 1 }},
	) {
		t.Run(tt.name, func(t *testing.T) {
			d := device()
			d.Wrong = tt.do
			if _, err := register(t, party(""), d); !errors.Is(err, passkey.ErrRefused) {
				t.Errorf("got %v, want %v", err, passkey.ErrRefused)
			}
		})
	}
	t.Run("an algorithm that was not asked for", func(t *testing.T) {
		d := device()
		d.Alg = passkeytest.ES384
		if _, err := register(t, party(""), d); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
	})
	t.Run("a user who was not verified, if that is required", func(t *testing.T) {
		d := device()
		d.Flags = passkeytest.Present
		if _, err := register(t, party(passkey.Required), d); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
		if _, err := register(t, party(""), d); err != nil {
			t.Errorf("if it is preferred: %v", err)
		}
	})
}

func TestAnAssertionIsRefused(t *testing.T) {
	for _, tt := range append(attacks,
		attack{"the answer to another question", func(a *passkeytest.Answer) { a.Type = "webauthn.create" }},
		attack{"the passkey of another user", func(a *passkeytest.Answer) { a.Handle = []byte("usr_bob") }},
		attack{"a passkey that became eligible for backup", func(a *passkeytest.Answer) { a.Flags |= passkeytest.Eligible }},
	) {
		for when, hook := range map[string]func(*passkeytest.Device){
			"signed":   func(d *passkeytest.Device) { d.Wrong = tt.do },
			"tampered": func(d *passkeytest.Device) { d.WrongAfter = tt.do },
		} {
			t.Run(tt.name+", "+when, func(t *testing.T) {
				p, d := party(""), device()
				k := registered(t, p, d)
				hook(d)
				if _, err := use(t, p, d, &k); !errors.Is(err, passkey.ErrRefused) {
					t.Errorf("got %v, want %v", err, passkey.ErrRefused)
				}
			})
		}
	}
	t.Run("the signature of another key", func(t *testing.T) {
		p, d, other := party(""), device(), device()
		k, others := registered(t, p, d), registered(t, p, other)
		k.PublicKey = others.PublicKey
		if _, err := use(t, p, d, &k); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
	})
	t.Run("a key of an algorithm that nobody knows", func(t *testing.T) {
		p, d := party(""), device()
		k := registered(t, p, d)
		k.PublicKey = []byte{0xa2, 1, 2, 3, 0x39, 0x7f, 0xff} // kty EC2, alg -32768
		if _, err := use(t, p, d, &k); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
	})
	t.Run("a passkey that is eligible for backup no more", func(t *testing.T) {
		p, d := party(""), device()
		d.Flags = passkeytest.Present | passkeytest.Eligible
		k := registered(t, p, d)
		d.Flags = passkeytest.Present
		if _, err := use(t, p, d, &k); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
	})
	t.Run("a user who was not verified, if that is required", func(t *testing.T) {
		p, d := party(passkey.Required), device()
		k := registered(t, p, d)
		d.Flags = passkeytest.Present
		if _, err := use(t, p, d, &k); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("got %v, want %v", err, passkey.ErrRefused)
		}
	})
}

func TestARelatedOriginMayUseAPasskey(t *testing.T) {
	p, d := party(""), device()
	k := registered(t, p, d)
	d.Origin = "https://related.example"
	if _, err := use(t, p, d, &k); err != nil {
		t.Error(err)
	}
}

func TestAPasskeyMayBeBackedUpLater(t *testing.T) {
	p, d := party(""), device()
	d.Flags = passkeytest.Present | passkeytest.Eligible
	k := registered(t, p, d)
	d.Flags |= passkeytest.BackedUp
	u, err := use(t, p, d, &k)
	if err != nil || !u.BackedUp || u.Verified || !k.Synced || k.BackedUp {
		t.Errorf("passkey %+v, use %+v, %v", k, u, err)
	}
}

func TestTheCounterOfADeviceOnlyGoesUp(t *testing.T) {
	for _, tt := range []struct {
		name      string
		synced    bool
		kept, now uint32
		want      error
	}{
		{"it never counts", false, 0, 0, nil},
		{"it begins to count", false, 0, 1, nil},
		{"it counts", false, 7, 8, nil},
		{"it counts what it did elsewhere", false, 7, 700, nil},
		{"it stands still", false, 7, 7, passkey.ErrCopied},
		{"it goes back", false, 7, 6, passkey.ErrCopied},
		{"it goes back to nothing", false, 7, 0, passkey.ErrCopied},
		{"a synced passkey, whose copies count apart", true, 7, 3, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, d := party(""), device()
			if tt.synced {
				d.Flags = passkeytest.Present | passkeytest.Eligible
			}
			k := registered(t, p, d)
			k.SignCount = tt.kept
			d.Wrong = func(a *passkeytest.Answer) { a.Count = tt.now }
			u, err := use(t, p, d, &k)
			if !errors.Is(err, tt.want) || err == nil && u.SignCount != tt.now {
				t.Errorf("got %+v and %v, want %v", u, err, tt.want)
			}
		})
	}
}

func TestADeviceThatHasAPasskeyMakesNoOther(t *testing.T) {
	p, d := party(""), device()
	k := registered(t, p, d)
	_, err := d.Create(options(t, p.Creation(secret.NewToken(), ann, []passkey.Passkey{k})))
	if !errors.Is(err, passkeytest.ErrExcluded) {
		t.Errorf("got %v, want %v", err, passkeytest.ErrExcluded)
	}
}

func TestWhatIsNoAnswerIsMalformed(t *testing.T) {
	p, d := party(""), device()
	creation, err := d.Create(options(t, p.Creation(secret.NewToken(), ann, nil)))
	if err != nil {
		t.Fatal(err)
	}
	request, err := d.Get(options(t, p.Request(secret.NewToken(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	without := func(answer []byte, member string) string {
		return strings.Replace(string(answer), `"`+member+`"`, `"x"`, 1)
	}
	for _, tt := range []struct{ name, answer string }{
		{"nothing", ""}, {"null", "null"}, {"a list", "[]"}, {"no members", "{}"}, {"text", `"text"`}, {"binary", "\x00\xff"},
		{"half a creation", string(creation[:len(creation)/2])}, {"half a request", string(request[:len(request)/2])},
		{"two answers", string(creation) + string(creation)},
		{"a creation without id", without(creation, "id")}, {"a request without id", without(request, "id")},
		{"a creation without client data", without(creation, "clientDataJSON")}, {"a request without client data", without(request, "clientDataJSON")},
		{"a creation without object", without(creation, "attestationObject")}, {"a request without data", without(request, "authenticatorData")},
		{"another type", strings.Replace(string(request), "public-key", "password", 1)},
		{"an id that is not the raw one", strings.Replace(string(request), `"id":"`, `"id":"AA`, 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := passkey.ParseRegistration([]byte(tt.answer)); !errors.Is(err, passkey.ErrMalformed) && tt.answer != string(creation) {
				t.Errorf("as a registration: got %v, want %v", err, passkey.ErrMalformed)
			}
			if _, err := passkey.ParseAssertion([]byte(tt.answer)); !errors.Is(err, passkey.ErrMalformed) {
				t.Errorf("as an assertion: got %v, want %v", err, passkey.ErrMalformed)
			}
		})
	}
}

func TestAnAnswerThatIsCutAnywhereIsNone(t *testing.T) {
	p, d := party(""), device()
	k := registered(t, p, d)
	challenge := secret.NewToken()
	answer, err := d.Get(options(t, p.Request(challenge, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for member, value := range members(t, answer) {
		for n := range len(value) {
			cut := strings.Replace(string(answer), value, value[:n], 1)
			a, err := passkey.ParseAssertion([]byte(cut))
			if err == nil {
				_, err = p.Verify(challenge, a, &k)
			}
			// The handle may be left out: WebAuthn 3 §7.2, step 6.
			if err == nil && (member != "userHandle" || n > 0) {
				t.Errorf("%s cut to %d of %d characters is good", member, n, len(value))
			}
		}
	}
}

// members are those of the response.
func members(t *testing.T, answer []byte) (m map[string]string) {
	t.Helper()
	var v struct{ Response map[string]string }
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Fatal(err)
	}
	return v.Response
}

func TestANewPasskeyIsNamedAfterItsDevice(t *testing.T) {
	k := passkey.Passkey{AAGUID: [16]byte{0xfb, 0xfc, 0x30, 0x07, 0x15, 0x4e, 0x4e, 0xcc, 0x8c, 0x0b, 0x6e, 0x02, 0x05, 0x57, 0xd7, 0xbd}}
	named := func(names ...string) (all []passkey.Passkey) {
		for _, n := range names {
			all = append(all, passkey.Passkey{Name: n})
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		k      passkey.Passkey
		others []passkey.Passkey
		want   string
	}{
		{"one that says which it is", k, nil, "iCloud Keychain"},
		{"a second one", k, named("icloud keychain"), "iCloud Keychain 2"},
		{"a third one", k, named("iCloud Keychain", "iCloud Keychain 2", "Phone"), "iCloud Keychain 3"},
		{"one that does not say", passkey.Passkey{}, nil, "Passkey"},
	} {
		if got := tt.k.DefaultName(tt.others); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestUnknownTransportsAreLeftOut(t *testing.T) {
	p, d := party(""), device()
	challenge := secret.NewToken()
	answer, err := d.Create(options(t, p.Creation(challenge, ann, nil)))
	if err != nil {
		t.Fatal(err)
	}
	odd := strings.Replace(string(answer), `"internal","hybrid"`,
		`"usb","usb","<script>","`+strings.Repeat("a", 33)+`","","a","b","c","d","e","f","g","h","i"`, 1)
	r, err := passkey.ParseRegistration([]byte(odd))
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Register(challenge, r)
	if want := []string{"usb", "a", "b", "c", "d", "e", "f", "g"}; err != nil || !slices.Equal(k.Transports, want) {
		t.Errorf("got %q and %v, want %q", k.Transports, err, want)
	}
}
