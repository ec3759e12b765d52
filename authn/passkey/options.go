package passkey

import (
	"cmp"
	"encoding/base64"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Lifetime is how long a challenge is good for, and how long the browser is asked
// to wait for the person.
const Lifetime = 5 * time.Minute

// A Verification is how much is asked of the device to make sure of its user, by a
// PIN or a fingerprint.
type Verification string

// The levels. A device that did is two factors, one that did not is one.
const (
	Required    Verification = "required"
	Preferred   Verification = "preferred"
	Discouraged Verification = "discouraged"
)

// Valid reports whether v is a level, or "" for Preferred.
func (v Verification) Valid() bool {
	return slices.Contains([]Verification{"", Required, Preferred, Discouraged}, v)
}

// A Party is who passkeys are made for, and used at.
type Party struct {
	ID           string   // a domain: that of the origin, or one above it
	Name         string   // for people
	Origins      []string // of the pages that may make and use passkeys
	Verification Verification
}

func (p *Party) verification() Verification { return cmp.Or(p.Verification, Preferred) }

// algorithms are those of new passkeys, the best first: EdDSA, ES256, RS256.
var algorithms = []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgEdDSA, webauthncose.AlgES256, webauthncose.AlgRS256}

func parameters() (all []protocol.CredentialParameter) {
	for _, alg := range algorithms {
		all = append(all, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return all
}

// A Person is whom a passkey is made for.
type Person struct {
	Handle      []byte // opaque, at most 64 bytes, the same for all passkeys of a person
	Name        string // that they know themselves by
	DisplayName string
}

// CreationOptions are PublicKeyCredentialCreationOptionsJSON (WebAuthn 3 §5.1.8).
type CreationOptions struct {
	Challenge  string      `json:"challenge"`
	RP         entity      `json:"rp"`
	User       user        `json:"user"`
	Parameters []parameter `json:"pubKeyCredParams"`
	Timeout    int64       `json:"timeout"`
	// Exclude are the passkeys that the person has: a device that holds one of them
	// makes no other.
	Exclude     []Descriptor `json:"excludeCredentials"`
	Selection   selection    `json:"authenticatorSelection"`
	Attestation string       `json:"attestation"`
}

// RequestOptions are PublicKeyCredentialRequestOptionsJSON (WebAuthn 3 §5.1.9).
type RequestOptions struct {
	Challenge    string       `json:"challenge"`
	Timeout      int64        `json:"timeout"`
	RP           string       `json:"rpId"`
	Allow        []Descriptor `json:"allowCredentials"`
	Verification Verification `json:"userVerification"`
}

// A Descriptor names a passkey to a browser.
type Descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

type entity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type user struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type parameter struct {
	Type string `json:"type"`
	Alg  int64  `json:"alg"`
}

type selection struct {
	ResidentKey        string       `json:"residentKey"`
	RequireResidentKey bool         `json:"requireResidentKey"` // for browsers of before residentKey
	Verification       Verification `json:"userVerification"`
}

// Creation asks for a new passkey of a person who has those of before. It is to be
// found without a user name, and says nothing of who made the device.
func (p *Party) Creation(challenge string, of Person, before []Passkey) CreationOptions {
	o := CreationOptions{
		Challenge: challenge, RP: entity{p.ID, p.Name},
		User:    user{encode(of.Handle), of.Name, cmp.Or(of.DisplayName, of.Name)},
		Timeout: Lifetime.Milliseconds(), Exclude: describe(before),
		Selection: selection{"required", true, p.verification()}, Attestation: "none",
	}
	for _, alg := range algorithms {
		o.Parameters = append(o.Parameters, parameter{string(protocol.PublicKeyCredentialType), int64(alg)})
	}
	return o
}

// Request asks for the use of a passkey: of one of these, or of whichever the person
// chooses if there are none.
func (p *Party) Request(challenge string, allowed []Passkey) RequestOptions {
	return RequestOptions{
		Challenge: challenge, Timeout: Lifetime.Milliseconds(), RP: p.ID,
		Allow: describe(allowed), Verification: p.verification(),
	}
}

func describe(keys []Passkey) []Descriptor {
	out := make([]Descriptor, 0, len(keys)) // never null
	for _, k := range keys {
		out = append(out, Descriptor{string(protocol.PublicKeyCredentialType), encode(k.CredentialID), k.Transports})
	}
	return out
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
