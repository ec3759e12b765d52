package account

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
)

// A Method is a way to show who one is, beside or in place of a password.
type Method string

// The methods, in the order in which they are offered.
const (
	ByPasskey  Method = "passkey"
	ByTOTP     Method = "totp"
	ByRecovery Method = "recovery"
	ByEmail    Method = "email"
	BySMS      Method = "sms"
	ByPassword Method = "password" // to confirm within a session; never a second factor
)

// enrollable are what u, who has no second factor, can enrol.
func (s *Service) enrollable(u User) []Method {
	var ms []Method
	if s.Passkeys != nil {
		ms = append(ms, ByPasskey)
	}
	for _, kind := range s.possible() {
		if kind != otp.Email || u.contact(otp.Email) != "" {
			ms = append(ms, Method(kind))
		}
	}
	return ms
}

// An Answer is what somebody shows by a method.
type Answer struct {
	Method     Method
	Code       string // of a code, or the password
	Credential []byte // of a passkey: the answer of the browser, as JSON
	Trust      bool   // of a second step: do not ask again on this device for a while
}

// methods returns those by which u could show a second factor now, in the order
// in which they are offered; none = u has none.
func (s *Service) methods(ctx context.Context, tx Tx, u User) ([]Method, error) {
	keys, err := tx.Passkeys.List(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.methodsOfCodes(ctx, tx, u)
	if len(keys) > 0 {
		all = append([]Method{ByPasskey}, all...)
	}
	return all, err
}

// show looks at an answer of u, whose row this transaction holds, and returns what
// it proves; ok is false if it is wrong. t is the ticket that it came with; nil
// within a session. What was right must be used up by this transaction.
func (s *Service) show(ctx context.Context, tx Tx, u User, a Answer, t *onetime.Token, now time.Time) (p proof, ok bool, err error) {
	switch a.Method {
	case ByPasskey:
		return s.checkPasskey(ctx, tx, u, t, a.Credential, now)
	case ByTOTP, ByRecovery, ByEmail, BySMS:
		return s.showCode(ctx, tx, u, a.Method, a.Code, now)
	}
	return p, false, invalid("method", "%q is none that this account can use", a.Method)
}
