package passkey_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/passkey"
)

// A vector is a passkey that was made and used, of the specification.
type vector struct {
	Name           string
	Registration   ceremony
	Authentication ceremony
}

type ceremony struct {
	Challenge, ClientDataJSON, AttestationObject, AuthenticatorData, Signature octets
	CredentialID                                                               octets `json:"credential_id"`
}

// octets are written as hexadecimal in the file, and as base64url to a server.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

func (o octets) String() string { return base64.RawURLEncoding.EncodeToString(o) }

func (v *vector) answer(response string) []byte {
	id := v.Registration.CredentialID
	return fmt.Appendf(nil, `{"id":"%s","rawId":"%s","type":"public-key","clientExtensionResults":{},"response":%s}`, id, id, response)
}

func (v *vector) register(p *passkey.Party) (passkey.Passkey, error) {
	c := &v.Registration
	r, err := passkey.ParseRegistration(v.answer(fmt.Sprintf(`{"clientDataJSON":"%s","attestationObject":"%s"}`, c.ClientDataJSON, c.AttestationObject)))
	if err != nil {
		return passkey.Passkey{}, err
	}
	return p.Register(c.Challenge.String(), r)
}

func (v *vector) use(p *passkey.Party, k *passkey.Passkey) error {
	c := &v.Authentication
	a, err := passkey.ParseAssertion(v.answer(fmt.Sprintf(`{"clientDataJSON":"%s","authenticatorData":"%s","signature":"%s"}`,
		c.ClientDataJSON, c.AuthenticatorData, c.Signature)))
	if err != nil {
		return err
	}
	_, err = p.Verify(c.Challenge.String(), a, k)
	return err
}

// The examples of the specification: what passkeys here may be is accepted, whoever
// made the device, and nothing else.
func TestTheVectorsOfTheSpecification(t *testing.T) {
	text, err := os.ReadFile("testdata/webauthn3.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{
		"Packed Attestation with ES384 Credential":                    "an algorithm that nobody asked for",
		"Packed Attestation with ES512 Credential":                    "an algorithm that nobody asked for",
		"Packed Attestation with Ed448 Credential":                    "an algorithm that nobody asked for",
		`ES256 Credential with "crossOrigin": true in clientDataJSON`: "a page within another site's",
		`ES256 Credential with "topOrigin" in clientDataJSON`:         "a page within another site's",
	}
	p := &passkey.Party{ID: "example.org", Name: "Example", Origins: []string{"https://example.org"}, Verification: passkey.Discouraged}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			k, err := v.register(p)
			if why := refused[v.Name]; why != "" {
				if !errors.Is(err, passkey.ErrRefused) {
					t.Errorf("%s: %v", why, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("made: %v", err)
			}
			if string(k.CredentialID) != string(v.Registration.CredentialID) {
				t.Errorf("it is %x", k.CredentialID)
			}
			if err := v.use(p, &k); err != nil {
				t.Errorf("used: %v", err)
			}
			v.Authentication.Signature[len(v.Authentication.Signature)-1] ^= 1
			if err := v.use(p, &k); !errors.Is(err, passkey.ErrRefused) {
				t.Errorf("used, with one bit of the signature flipped: %v", err)
			}
		})
	}
	if len(all) != 15 {
		t.Errorf("%d vectors", len(all))
	}
}
