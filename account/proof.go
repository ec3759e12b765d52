package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A proof is what somebody has shown of who they are. Position and At were read
// before the first of it was looked at.
type proof struct {
	AMR      []string // RFC 8176
	AAL      int
	Way      string // what came first, as audited: "pwd", "link", "passkey" …
	Position revoke.Position
	At       time.Time
}

// byPassword is the proof of a password.
func byPassword(p revoke.Position, at time.Time) proof {
	return proof{AMR: []string{"pwd"}, AAL: 1, Way: "pwd", Position: p, At: at}
}

// and adds what was shown beside: two of different kinds are level 2, and "mfa"
// says so (RFC 8176 §2).
func (p proof) and(more proof) proof {
	kinds := slices.Clone(p.AMR)
	for _, m := range more.AMR {
		if !slices.Contains(kinds, m) {
			kinds = append(kinds, m)
		}
	}
	p.AAL = max(p.AAL, more.AAL)
	if differ(p.AMR, more.AMR) {
		p.AAL = max(p.AAL, 2)
	}
	if p.AAL >= 2 && !slices.Contains(kinds, "mfa") {
		kinds = append(kinds, "mfa")
	}
	p.AMR = kinds
	return p
}

// differ reports whether each of the two shows something that the other does not.
func differ(a, b []string) bool {
	lacks := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(m string) bool { return m != "mfa" && m != "user" && !slices.Contains(b, m) })
	}
	return lacks(a, b) && lacks(b, a)
}

// An outcome is what a sign-in has come to within its transaction. Once that is
// committed, [Service.finish] makes the answer of it.
type outcome struct {
	out    *SignedIn
	family *token.Family
	needs  *NeedsFactorError
	proof  proof
}

// A NeedsFactorError means that the first proof was right, and is not enough: the
// ticket finishes the sign-in with a second factor, see [Service.Continue].
type NeedsFactorError struct {
	Ticket    string // works for [TicketLife], and until the sign-in is finished
	ExpiresAt time.Time
	Methods   []Method // by which the person can answer, in the order to offer them; with Enrol, what they can enrol
	Enrol     bool     // they have none and need one: they enrol it with the ticket
}

func (e *NeedsFactorError) Error() string { return "sign-in needs a second factor" }

// conclude ends a sign-in of u, whose row this transaction holds and whose proof
// was verified: with a session, or with a ticket if the proof is not enough. The
// caller commits and returns what [Service.finish] says.
func (s *Service) conclude(ctx context.Context, tx Tx, u User, in SignIn, p proof, o Origin) (outcome, error) {
	need, err := s.lacks(ctx, tx, u, p, o)
	if err != nil {
		return outcome{}, err
	}
	if need != nil {
		// Whether the person is a member is said now: with a ticket in hand it would be
		// a surprise.
		if _, err := standingIn(ctx, tx, u.ID, in.Org); err != nil {
			return outcome{}, err
		}
		err := s.newTicket(ctx, tx, u, in, p, need, o)
		return outcome{needs: need, proof: p}, err
	}
	out, family, err := s.start(ctx, tx, u, in, p, o)
	return outcome{out: out, family: family, proof: p}, err
}

// finish is what a sign-in returns once its transaction is committed.
func (s *Service) finish(c outcome, err error) (*SignedIn, error) {
	switch {
	case err != nil:
		return nil, err
	case c.needs != nil:
		return nil, c.needs
	case c.out == nil:
		return nil, errors.New("sign-in came to nothing")
	}
	return s.mint(c.out, c.family, c.proof.Position, c.proof.At)
}

// lacks says what u must show beside the proof; nil = nothing. On a device that u
// trusts the second factor was shown before; the session says nothing of that, so
// that what needs one asks for it all the same.
func (s *Service) lacks(ctx context.Context, tx Tx, u User, p proof, o Origin) (*NeedsFactorError, error) {
	if p.AAL >= 2 {
		return nil, nil
	}
	methods, err := s.methods(ctx, tx, u)
	if err != nil {
		return nil, err
	}
	if methods = p.unshown(methods); len(methods) > 0 {
		if trusted, err := s.trusted(ctx, tx, u, p, o); err != nil || trusted {
			return nil, err
		}
		return &NeedsFactorError{Methods: p.beside(methods)}, nil
	}
	required, err := s.factorRequired(ctx, tx, u)
	if err != nil || !required {
		return nil, err
	}
	return &NeedsFactorError{Methods: p.beside(p.unshown(s.enrollable(u))), Enrol: true}, nil
}

// unshown returns methods without the passkey, if p has shown one: once more, it would
// show nothing more. Recovery codes stand in for it, and go with it if nothing else is
// left.
func (p proof) unshown(methods []Method) []Method {
	if !slices.Contains(p.AMR, "hwk") && !slices.Contains(p.AMR, "swk") {
		return methods
	}
	rest := slices.DeleteFunc(slices.Clone(methods), func(m Method) bool { return m == ByPasskey })
	if !hasFactor(rest) {
		return nil
	}
	return rest
}

// beside returns those of methods that show more than p does: who came by a link in a
// mail shows nothing new by a code in another.
func (p proof) beside(methods []Method) []Method {
	if !slices.Equal(p.AMR, []string{"otp"}) {
		return methods
	}
	return slices.DeleteFunc(methods, func(m Method) bool { return m == ByEmail })
}

// factorRequired reports whether u must have a second factor: everybody must, or
// who holds one of the roles.
func (s *Service) factorRequired(ctx context.Context, tx Tx, u User) (bool, error) {
	if s.RequireFactor || len(s.RequireFactorOf) == 0 {
		return s.RequireFactor, nil
	}
	held, err := tx.Roles.Assigned(ctx, u.ID, "")
	return slices.ContainsFunc(held, func(role string) bool { return slices.Contains(s.RequireFactorOf, role) }), err
}
