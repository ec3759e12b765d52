package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// TicketLife is how long a person has for the second step of a sign-in.
const TicketLife = 10 * time.Minute

const ticketPurpose onetime.Purpose = "ticket"

// ErrTicket means that a ticket is used up, has expired, or never was one: the
// sign-in begins anew.
var ErrTicket = errors.New("this sign-in has expired")

// ErrWrongCode is the one answer to every second factor that is not right.
var ErrWrongCode = errors.New("second factor is wrong")

// A ticket is a sign-in whose first proof was right.
type ticket struct {
	onetime.Token
	signIn  SignIn
	proof   proof
	enrol   bool
	methods []Method
}

// ticketData is what the store keeps of it.
type ticketData struct {
	AMR        []string `json:"amr"`
	AAL        int      `json:"aal"`
	Way        string   `json:"way"`
	Org        string   `json:"org,omitempty"`
	WithTokens bool     `json:"with_tokens,omitempty"`
	Browser    bool     `json:"browser,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	ReturnTo   string   `json:"return_to,omitempty"`
	Enrol      bool     `json:"enrol,omitempty"`
	Methods    []Method `json:"methods"`
}

// newTicket makes the ticket that need tells of.
func (s *Service) newTicket(ctx context.Context, tx Tx, u User, in SignIn, p proof, need *NeedsFactorError, o Origin) error {
	data, err := json.Marshal(ticketData{
		AMR: p.AMR, AAL: p.AAL, Way: p.Way, Org: in.Org, WithTokens: in.WithTokens, Browser: in.Browser, Mode: in.Mode, ReturnTo: in.ReturnTo,
		Enrol: need.Enrol, Methods: need.Methods,
	})
	if err != nil {
		return err
	}
	need.Ticket, need.ExpiresAt = secret.NewToken(), p.At.Add(TicketLife)
	err = tx.OneTime.Create(ctx, onetime.Token{
		ID: secret.NewID("otk"), Hash: secret.Hash(need.Ticket), User: u.ID, Purpose: ticketPurpose, Data: data,
		Position: p.Position, CreatedAt: p.At, ExpiresAt: need.ExpiresAt,
	})
	if err != nil {
		return err
	}
	o.Actor = u.ID
	e := o.Entry("user.first_factor", u.ID, p.At)
	e.Detail = map[string]string{"method": p.Way}
	return tx.Audit.Append(ctx, e)
}

// ticket returns the ticket of that value, or [ErrTicket].
func (s *Service) ticket(ctx context.Context, tx Tx, value string, now time.Time) (*ticket, error) {
	t, err := tx.OneTime.ByHash(ctx, ticketPurpose, secret.Hash(value))
	if errors.Is(err, onetime.ErrNotFound) || err == nil && !t.Alive(now) {
		return nil, ErrTicket
	}
	if err != nil {
		return nil, err
	}
	var d ticketData
	if err := json.Unmarshal(t.Data, &d); err != nil {
		return nil, fmt.Errorf("reading ticket: %w", err)
	}
	return &ticket{
		Token: t, enrol: d.Enrol, methods: d.Methods,
		signIn: SignIn{Org: d.Org, WithTokens: d.WithTokens, Browser: d.Browser, Mode: d.Mode, ReturnTo: d.ReturnTo},
		proof:  proof{AMR: d.AMR, AAL: d.AAL, Way: d.Way, Position: t.Position, At: t.CreatedAt},
	}, nil
}

// lockTicket returns the ticket and its user, whose row is held from here on. A
// ticket does not outlive what ended the user's credentials.
func (s *Service) lockTicket(ctx context.Context, tx Tx, value string, now time.Time) (*ticket, User, error) {
	t, err := s.ticket(ctx, tx, value, now)
	if err != nil {
		return nil, User{}, err
	}
	u, err := tx.Users.Lock(ctx, t.User)
	if errors.Is(err, ErrNotFound) {
		return nil, u, ErrTicket
	}
	if err != nil {
		return nil, u, err
	}
	head, err := tx.Log.Head(ctx)
	if err == nil && !u.began(t.Position, head.Position) {
		err = ErrTicket
	}
	return t, u, err
}

// concludeTicket ends the sign-in of a ticket from lockTicket with what was shown
// beside its first proof. The ticket is used up; [ErrTicket] if it was already.
func (s *Service) concludeTicket(ctx context.Context, tx Tx, t *ticket, u User, more proof, now time.Time, o Origin) (outcome, error) {
	used, err := tx.OneTime.Consume(ctx, t.ID, now)
	if err == nil && !used {
		err = ErrTicket
	}
	if err != nil {
		return outcome{}, err
	}
	return s.conclude(ctx, tx, u, t.signIn, t.proof.and(more), o)
}

// A Pending sign-in is what a ticket stands for.
type Pending struct {
	User    User
	Methods []Method
	Enrol   bool

	Mode, ReturnTo string // as they were given to the sign-in
}

// Pending returns what the ticket stands for, or [ErrTicket].
func (s *Service) Pending(ctx context.Context, value string) (out Pending, err error) {
	now := present()
	err = s.Store.View(ctx, func(tx Tx) error {
		t, err := s.ticket(ctx, tx, value, now)
		if err != nil {
			return err
		}
		out = Pending{Methods: t.methods, Enrol: t.enrol, Mode: t.signIn.Mode, ReturnTo: t.signIn.ReturnTo}
		out.User, err = tx.Users.ByID(ctx, t.User)
		if errors.Is(err, ErrNotFound) {
			err = ErrTicket
		}
		return err
	})
	return out, err
}

// Continue finishes a sign-in by a second factor. Errors: [ErrTicket],
// [ErrWrongCode], [InvalidError], [LimitError]. Wrong answers are counted for the
// account, whichever ticket they come with, and the ticket stays good.
func (s *Service) Continue(ctx context.Context, value string, a Answer, o Origin) (*SignedIn, error) {
	now := present()
	user := ""
	err := s.Store.View(ctx, func(tx Tx) error {
		t, err := s.ticket(ctx, tx, value, now)
		if err == nil {
			user = t.User
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var (
		c outcome
		t *ticket
		u User
	)
	err = s.answer(ctx, user, "user.sign_in", a.Method, now, o, func(tx Tx) (p proof, ok bool, err error) {
		if t, u, err = s.lockTicket(ctx, tx, value, now); err != nil {
			return p, false, err
		}
		return s.show(ctx, tx, u, a, &t.Token, now)
	}, func(tx Tx, more proof) (at revoke.Position, err error) {
		t.signIn.Trust = a.Trust
		c, err = s.concludeTicket(ctx, tx, t, u, more, now, o)
		return at, err
	})
	return s.finish(c, err)
}

// answer looks at an answer of the user and, if it is right, goes on in the same
// transaction, which is left as it was if it is wrong. It keeps count: the look is
// paid for before, and repaid if the answer was right or nobody looked at it.
func (s *Service) answer(ctx context.Context, user, action string, m Method, now time.Time, o Origin,
	look func(Tx) (proof, bool, error), then func(Tx, proof) (revoke.Position, error)) error {
	record := func(tx Tx, reason string) error {
		e := o.Entry(action, user, now)
		e.Outcome, e.Detail = audit.Failure, map[string]string{"method": string(m), "reason": reason}
		return tx.Audit.Append(ctx, e)
	}
	var wait time.Duration
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		wait, err = s.Codes.Spend(ctx, tx.Failures, user, now)
		if err == nil && wait > 0 {
			err = record(tx, "limit")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("counting an answer: %w", err)
	}
	if wait > 0 {
		return &LimitError{Wait: wait}
	}
	err = s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		p, ok, err := look(tx)
		if err != nil {
			return at, err
		}
		if !ok {
			return at, ErrWrongCode
		}
		if err := s.Codes.Forgive(ctx, tx.Failures, user); err != nil {
			return at, err
		}
		return then(tx, p)
	})
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(err, s.Store.Update(ctx, func(tx Tx) error {
		if errors.Is(err, ErrWrongCode) {
			return record(tx, "wrong")
		}
		return s.Codes.Refund(ctx, tx.Failures, user)
	}))
}
