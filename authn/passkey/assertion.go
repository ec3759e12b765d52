package passkey

import (
	"bytes"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
)

// An Assertion is what a page brings back of a device that used a passkey.
type Assertion struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// ParseAssertion reads AuthenticationResponseJSON (WebAuthn 3 §5.1). It proves
// nothing yet. Errors are [ErrMalformed].
func ParseAssertion(response []byte) (*Assertion, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, malformed(err)
	}
	return &Assertion{parsed}, nil
}

// Challenge is the one that the device answered.
func (a *Assertion) Challenge() string { return a.parsed.Response.CollectedClientData.Challenge }

// CredentialID names the passkey that was used.
func (a *Assertion) CredentialID() []byte { return a.parsed.RawID }

// A Use is what a good assertion says of the device.
type Use struct {
	Verified  bool   // the device made sure who uses it
	SignCount uint32 // that it has reached
	Synced    bool   // news only of a passkey that was Unseen
	BackedUp  bool
}

// Verify checks that the device that k is of answered this challenge, at one of the
// origins. Errors are [ErrRefused], and [ErrCopied] for what is right beside the
// counter.
func (p *Party) Verify(challenge string, a *Assertion, k *Passkey) (Use, error) {
	r := &a.parsed.Response
	// An answer without a handle is one to a request that named the passkey.
	if len(r.UserHandle) > 0 && !bytes.Equal(r.UserHandle, k.Handle) {
		return Use{}, fmt.Errorf("%w: the device knows it as that of somebody else", ErrRefused)
	}
	err := a.parsed.Verify(challenge, p.ID, "", p.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		p.verification() == Required, true, k.PublicKey, protocol.SignaturePolicy{})
	if err != nil {
		return Use{}, refused(err)
	}
	flags, count := r.AuthenticatorData.Flags, r.AuthenticatorData.Counter
	use := Use{Verified: flags.HasUserVerified(), SignCount: count, Synced: flags.HasBackupEligible(), BackedUp: flags.HasBackupState()}
	if k.Unseen {
		seen := *k
		seen.Synced, k = use.Synced, &seen
	}
	switch {
	case use.Synced != k.Synced: // WebAuthn 3 §7.2, step 18: it never changes
		return Use{}, fmt.Errorf("%w: it became another kind of passkey", ErrRefused)
	case use.BackedUp && !k.Synced:
		return Use{}, fmt.Errorf("%w: backed up, and not eligible for it", ErrRefused)
	case !k.Counted(count):
		return Use{}, ErrCopied
	}
	return use, nil
}

// Counted reports whether count may follow the one that is kept. Copies of a synced
// passkey do not know of each other, so that their counters prove nothing; a device
// that has never counted need not begin.
func (k *Passkey) Counted(count uint32) bool {
	return k.Synced || count > k.SignCount || count == 0 && k.SignCount == 0
}
