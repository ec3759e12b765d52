package passkey

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Registration is what a page brings back of a device that made a passkey.
type Registration struct {
	parsed *protocol.ParsedCredentialCreationData
}

// ParseRegistration reads RegistrationResponseJSON (WebAuthn 3 §5.1). It proves
// nothing yet. Errors are [ErrMalformed].
func ParseRegistration(response []byte) (*Registration, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, malformed(err)
	}
	return &Registration{parsed}, nil
}

// Challenge is the one that the device answered.
func (r *Registration) Challenge() string { return r.parsed.Response.CollectedClientData.Challenge }

// Verified reports whether the device made sure who uses it: to be believed of what
// [Party.Register] did not refuse.
func (r *Registration) Verified() bool {
	return r.parsed.Response.AttestationObject.AuthData.Flags.HasUserVerified()
}

// The sizes of what is kept (WebAuthn 3 §4 and §5.8.4).
const (
	minCredentialID = 16
	maxTransports   = 8
	maxTransport    = 32
)

// Register returns the passkey that the device made for this challenge, at one of
// the origins, without owner or name. Errors are [ErrRefused].
func (p *Party) Register(challenge string, r *Registration) (Passkey, error) {
	// Nobody asked who made the device, and no maker is trusted more than another: what
	// one that says so regardless has signed is not looked at, so that it keeps nobody out.
	made := &r.parsed.Response.AttestationObject
	made.Format, made.AttStatement, made.SubStatements = string(protocol.AttestationFormatNone), nil, nil
	_, err := r.parsed.Verify(challenge, p.ID, p.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		p.verification() == Required, true, nil, parameters(), protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return Passkey{}, refused(err)
	}
	data := &r.parsed.Response.AttestationObject.AuthData
	k := Passkey{
		ID: secret.NewID(idPrefix), CredentialID: data.AttData.CredentialID, PublicKey: data.AttData.CredentialPublicKey,
		SignCount: data.Counter, Transports: transports(r.parsed.Response.Transports),
		Synced: data.Flags.HasBackupEligible(), BackedUp: data.Flags.HasBackupState(),
	}
	copy(k.AAGUID[:], data.AttData.AAGUID)
	switch {
	case k.BackedUp && !k.Synced: // WebAuthn 3 §7.1, step 18
		return Passkey{}, fmt.Errorf("%w: backed up, and not eligible for it", ErrRefused)
	case len(k.CredentialID) < minCredentialID:
		return Passkey{}, fmt.Errorf("%w: credential id of %d bytes", ErrRefused, len(k.CredentialID))
	}
	if err := CheckKey(k.PublicKey); err != nil {
		return Passkey{}, err
	}
	return k, nil
}

// transports keeps what may be said to a browser again.
func transports(said []protocol.AuthenticatorTransport) []string {
	out := []string{}
	for _, t := range said {
		if s := string(t); len(out) < maxTransports && plain(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxTransport
}

// CheckKey reports whether a COSE key is one that passkeys may have here: a
// signature that only looks like one must not be possible, nor one that takes long
// to check. Errors are [ErrRefused].
func CheckKey(cose []byte) error {
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return refused(err)
	}
	good := false
	switch k := key.(type) {
	case webauthncose.OKPPublicKeyData:
		good = k.Algorithm == int64(webauthncose.AlgEdDSA) && k.Curve == int64(webauthncose.Ed25519) && len(k.XCoord) == 32
	case webauthncose.EC2PublicKeyData:
		good = k.Algorithm == int64(webauthncose.AlgES256) && k.Curve == int64(webauthncose.P256) && onP256(k.XCoord, k.YCoord)
	case webauthncose.RSAPublicKeyData:
		bits := new(big.Int).SetBytes(k.Modulus).BitLen()
		exponent := new(big.Int).SetBytes(k.Exponent)
		good = k.Algorithm == int64(webauthncose.AlgRS256) && bits >= 2048 && bits <= 4096 && exponent.Cmp(big.NewInt(65537)) == 0
	}
	if !good {
		return fmt.Errorf("%w: key of an algorithm that was not asked for", ErrRefused)
	}
	return nil
}

func onP256(x, y []byte) bool {
	if len(x) != 32 || len(y) != 32 {
		return false
	}
	_, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y))
	return err == nil
}

func malformed(cause error) error { return fmt.Errorf("%w: %s", ErrMalformed, text(cause)) }
func refused(cause error) error   { return fmt.Errorf("%w: %s", ErrRefused, text(cause)) }

// text is what the library says of an error, for the log: a sentence for developers
// is beside its Error.
func text(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.DevInfo != "" {
		return fmt.Sprintf("%.200s: %.200s", e.Details, e.DevInfo)
	}
	return fmt.Sprintf("%.300s", err.Error())
}
