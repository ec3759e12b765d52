package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-auth/sallyport"
)

// Bound checks access tokens that only the holder of a key may use: those with the scheme DPoP, each with a proof for this request
// (RFC 9449 §7). Both fields are required. It is safe for concurrent use.
type Bound struct {
	Tokens *Authenticator // whose Cache is not asked: a proof has to be verified each time anyway
	Proofs *Prover
}

// Challenge implements [sallyport.Challenger] (RFC 9449 §7.1).
func (b *Bound) Challenge() string { return `DPoP realm="sallyport", algs="ES256 EdDSA PS256 RS256"` }

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeDPoP].
func (b *Bound) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	switch {
	case c.Scheme != sallyport.SchemeDPoP:
		return nil, sallyport.ErrNotMine
	case len(c.Value) > MaxSize:
		return nil, refused(errTooLong)
	case c.Proof == "":
		return nil, refused(invalid("no proof"))
	}
	jkt, err := b.Proofs.Check(ctx, c.Proof, c.Method, c.URL, c.Value, false)
	switch {
	case errors.Is(err, ErrInvalid):
		return nil, refused(err)
	case err != nil:
		return nil, fmt.Errorf("checking proof: %w", err)
	}
	_, p, err := b.Tokens.verify(ctx, c.Value, func(ctx context.Context, value string) (*Claims, error) {
		return b.Tokens.Verifier.VerifyBound(ctx, value, Held{JKT: jkt, X5T: c.Thumbprint()})
	})
	return p, err
}
