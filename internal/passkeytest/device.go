// Package passkeytest is a device in software that makes and uses passkeys, and does
// it wrong when it is told to: it is the other side of package passkey in tests. It
// shares no code with it.
package passkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// The algorithms of COSE that a device knows.
const (
	ES256 = -7
	EdDSA = -8
	ES384 = -35
	RS256 = -257
)

// The flags of authenticator data (WebAuthn 3 §6.1).
const (
	Present  = 1 << 0
	Verified = 1 << 2
	Eligible = 1 << 3
	BackedUp = 1 << 4
	attested = 1 << 6
)

// A Device holds passkeys, for the pages of one origin. It is not for several
// goroutines at once.
type Device struct {
	Origin string
	AAGUID [16]byte
	Alg    int  // of new passkeys; 0 = ES256
	Flags  byte // of its answers; 0 = Present and Verified
	Counts bool // it counts its signatures

	// Wrong changes an answer before it is signed; WrongAfter changes it afterwards.
	Wrong, WrongAfter func(*Answer)

	keys []*key
}

// An Answer is what a device is about to say.
type Answer struct {
	Type        string // "webauthn.create" or "webauthn.get"
	Challenge   string
	Origin      string
	CrossOrigin bool
	RP          string
	Flags       byte
	Count       uint32
	AAGUID      [16]byte
	ID          []byte // of the passkey
	Handle      []byte // of the user; of "webauthn.get" only
	Key         []byte // COSE; of "webauthn.create" only
	Signature   []byte // of "webauthn.get" only, once it is signed
}

type key struct {
	id, handle []byte
	rp         string
	alg        int
	count      uint32
	private    crypto.Signer
}

// What a browser would tell a page.
var (
	ErrExcluded = errors.New("InvalidStateError: the device has a passkey already")
	ErrNone     = errors.New("NotAllowedError: the device has no such passkey")
)

type descriptor struct{ ID string }

// Create makes a passkey as PublicKeyCredentialCreationOptionsJSON asks, and returns
// RegistrationResponseJSON.
func (d *Device) Create(options []byte) ([]byte, error) {
	var o struct {
		Challenge string
		RP        struct{ ID string }
		User      struct{ ID string }
		Exclude   []descriptor `json:"excludeCredentials"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	for _, k := range d.keys {
		if k.rp == o.RP.ID && named(o.Exclude, k.id) {
			return nil, ErrExcluded
		}
	}
	handle, err := decode(o.User.ID)
	if err != nil {
		return nil, err
	}
	k, public, err := d.newKey(o.RP.ID, handle)
	if err != nil {
		return nil, err
	}
	d.keys = append(d.keys, k)
	a := d.answer("webauthn.create", o.Challenge, k)
	a.Handle, a.Key, a.Flags = nil, public, a.Flags|attested
	client, data := d.write(a)
	object := cborMap(
		text("fmt"), text("none"),
		text("attStmt"), cborMap(),
		text("authData"), byteString(data),
	)
	return json.Marshal(map[string]any{
		"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal", "hybrid"},
		},
	})
}

// Get uses a passkey as PublicKeyCredentialRequestOptionsJSON asks, the newest that
// fits, and returns AuthenticationResponseJSON.
func (d *Device) Get(options []byte) ([]byte, error) {
	var o struct {
		Challenge string
		RP        string       `json:"rpId"`
		Allow     []descriptor `json:"allowCredentials"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	for _, k := range slices.Backward(d.keys) {
		if k.rp == o.RP && (len(o.Allow) == 0 || named(o.Allow, k.id)) {
			return d.use(k, o.Challenge)
		}
	}
	return nil, ErrNone
}

func (d *Device) use(k *key, challenge string) ([]byte, error) {
	if d.Counts {
		k.count++
	}
	a := d.answer("webauthn.get", challenge, k)
	client, data := d.write(a)
	hash := sha256.Sum256(client)
	sig, err := k.sign(slices.Concat(data, hash[:]))
	if err != nil {
		return nil, err
	}
	a.Signature = sig
	if d.WrongAfter != nil {
		d.WrongAfter(a)
		client, data = marshal(a)
	}
	return json.Marshal(map[string]any{
		"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key",
		"clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(a.Signature), "userHandle": encode(a.Handle),
		},
	})
}

// Forget removes all passkeys from the device: its owner did.
func (d *Device) Forget() { d.keys = nil }

func (d *Device) answer(kind, challenge string, k *key) *Answer {
	flags := d.Flags
	if flags == 0 {
		flags = Present | Verified
	}
	return &Answer{Type: kind, Challenge: challenge, Origin: d.Origin, RP: k.rp, Flags: flags, Count: k.count, AAGUID: d.AAGUID, ID: k.id, Handle: k.handle}
}

func (d *Device) write(a *Answer) (client, data []byte) {
	if d.Wrong != nil {
		d.Wrong(a)
	}
	return marshal(a)
}

// marshal returns the client data and the authenticator data.
func marshal(a *Answer) (client, data []byte) {
	client, _ = json.Marshal(map[string]any{ // strings and a bool
		"type": a.Type, "challenge": a.Challenge, "origin": a.Origin, "crossOrigin": a.CrossOrigin,
	})
	rp := sha256.Sum256([]byte(a.RP))
	data = append(rp[:], a.Flags)
	data = binary.BigEndian.AppendUint32(data, a.Count)
	return client, append(data, a.attested()...)
}

// attested is what a new passkey adds.
func (a *Answer) attested() []byte {
	if a.Flags&attested == 0 {
		return nil
	}
	out := a.AAGUID[:]
	out = binary.BigEndian.AppendUint16(out, uint16(len(a.ID)))
	return slices.Concat(out, a.ID, a.Key)
}

func named(list []descriptor, id []byte) bool {
	return slices.Contains(list, descriptor{encode(id)})
}

func (d *Device) newKey(rp string, handle []byte) (k *key, public []byte, err error) {
	k = &key{id: make([]byte, 32), handle: handle, rp: rp, alg: d.Alg}
	rand.Read(k.id)
	switch d.Alg {
	case 0, ES256:
		k.alg = ES256
		return k, k.ec(elliptic.P256(), 1), nil
	case ES384:
		return k, k.ec(elliptic.P384(), 2), nil
	case EdDSA:
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		k.private = priv
		return k, cborMap(number(1), number(1), number(3), number(EdDSA), number(-1), number(6), number(-2), byteString(pub)), err
	case RS256:
		priv, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, nil, err
		}
		k.private = priv
		return k, cborMap(number(1), number(3), number(3), number(RS256),
			number(-1), byteString(priv.N.Bytes()), number(-2), byteString([]byte{1, 0, 1})), nil
	}
	return nil, nil, fmt.Errorf("device knows no algorithm %d", d.Alg)
}

// ec makes a key on a curve that has that number in COSE.
func (k *key) ec(c elliptic.Curve, curve int) []byte {
	priv, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	k.private = priv
	point, err := priv.PublicKey.ECDH()
	if err != nil {
		panic(err) // made on the curve above
	}
	b := point.Bytes() // 4, x, y
	half := (len(b) - 1) / 2
	return cborMap(number(1), number(2), number(3), number(k.alg), number(-1), number(curve),
		number(-2), byteString(b[1:1+half]), number(-3), byteString(b[1+half:]))
}

func (k *key) sign(message []byte) ([]byte, error) {
	switch k.alg {
	case EdDSA:
		return k.private.Sign(rand.Reader, message, crypto.Hash(0))
	case ES384:
		h := crypto.SHA384.New()
		h.Write(message)
		return k.private.Sign(rand.Reader, h.Sum(nil), crypto.SHA384)
	}
	sum := sha256.Sum256(message)
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
