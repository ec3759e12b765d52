package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// An OldSystem is where people come from who have no account here yet. It is asked at
// their first sign-in whether name and password are those of somebody there, and
// returns what it knows of them; nil if they are not. It must take as long for a name
// that it does not know, and bound the time that it takes. It is safe for concurrent
// use. Its errors may contain neither name nor password.
type OldSystem func(ctx context.Context, name, password string) (*importer.Record, error)

// ErrOldSystem means that nobody can sign in for the first time, because the old system
// did not answer: and, since that must not tell who did before, nobody is told that
// their password is wrong.
var ErrOldSystem = errors.New("the system that people come from did not answer")

// maxAsked is the longest name or password that the old system is asked about, in bytes.
const maxAsked = 1024

// comesOver asks the old system about who cannot sign in here, and imports who can there.
// About a name that is somebody's here it asks nothing: so that the time does not tell
// that, it is asked about one that nobody has.
func (s *Service) comesOver(ctx context.Context, a *attempt, o Origin) (came bool, err error) {
	if s.OldSystem == nil || a.typed == "" {
		return false, nil
	}
	name, pw := a.typed, a.password
	ask := a.user.ID == "" && askable(name) && askable(pw)
	if !ask {
		name, pw = secret.NewToken(), secret.NewToken()
	}
	a.typed = "" // once
	rec, err := s.OldSystem(ctx, name, pw)
	switch {
	case err != nil:
		s.log().ErrorContext(ctx, "the old system did not answer", "err", err)
		return false, errors.Join(ErrOldSystem, s.unasked(ctx, a, o))
	case rec == nil || !ask:
		return false, nil
	}
	return s.bringOver(ctx, a, rec, o)
}

func askable(s string) bool {
	return s != "" && len(s) <= maxAsked && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// unasked records a sign-in of which nobody knows what it was.
func (s *Service) unasked(ctx context.Context, a *attempt, o Origin) error {
	e := o.Entry(a.action, a.user.ID, a.now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"method": "pwd", "reason": "old system"}
	ctx = context.WithoutCancel(ctx)
	return s.Store.Update(ctx, func(tx Tx) error { return tx.Audit.Append(ctx, e) })
}

// bringOver makes the account, with a new hash of the password that was shown. What the
// old system says is held to what an import is; without roles it gives those that
// everybody has. It reports whether there is an account now, which a sign-in beside
// this one may have made.
func (s *Service) bringOver(ctx context.Context, a *attempt, rec *importer.Record, o Origin) (bool, error) {
	o.Actor, o.Giver = "system", nil
	run := &importing{Service: s, origin: o}
	run.point.ID = "sign_in"
	d := run.draft(&importer.Entry{Number: 1, Record: rec}, a.now)
	if rec.Roles == nil {
		d.roles = sorted(s.DefaultRoles)
	}
	switch id := parseIdentifier(a.name); {
	case d.problem != "":
		return false, s.stays(ctx, d.problem, o, a)
	case d.user.Status != Active:
		return false, nil
	case (id.username == "" || id.username != d.user.UsernameNorm) && (id.email == "" || id.email != d.user.EmailNorm || !d.user.EmailVerified):
		return false, s.stays(ctx, "it is of another name than was asked about, or of an address that is not verified", o, a)
	}
	var err error
	if d.phc, err = s.Passwords.Hash(ctx, a.password); err != nil {
		if _, weak := errors.AsType[*password.WeakError](err); weak {
			return false, s.stays(ctx, "its password cannot be one here", o, a)
		}
		return false, fmt.Errorf("hashing: %w", err)
	}
	d.format = "argon2id"
	reason := ""
	err = s.Store.Update(ctx, func(tx Tx) error {
		report := importer.Report{Formats: map[string]int{}}
		definitions, err := definitions(ctx, tx)
		switch {
		case err != nil:
			return err
		case slices.Contains(definitions.Permissions(d.allRoles()), "*"):
			reason = "it holds every permission: such an account comes over by an import"
			return nil
		}
		err = (&importedBatch{importing: run, tx: tx, now: a.now, report: &report}).put(ctx, []newcomer{d})
		if err == nil && report.Refused > 0 {
			reason = report.Problems[0].Reason
		}
		return err
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("bringing over: %w", err)
	case reason == "":
		return true, nil
	}
	if there, err := s.there(ctx, a); there || err != nil {
		return there, err
	}
	return false, s.stays(ctx, reason, o, a)
}

// there reports whether somebody has the name by now.
func (s *Service) there(ctx context.Context, a *attempt) (bool, error) {
	err := s.Store.View(ctx, func(tx Tx) error { _, err := a.find(ctx, tx); return err })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// stays records why somebody did not come over who showed the right password: whoever
// runs both systems has to do something. The person gets the answer that all get.
func (s *Service) stays(ctx context.Context, reason string, o Origin, a *attempt) error {
	s.log().ErrorContext(ctx, "somebody could not be brought over from the old system", "reason", reason)
	e := o.Entry("user.import", "", a.now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"import": "sign_in", "reason": reason}
	return s.Store.Update(ctx, func(tx Tx) error { return tx.Audit.Append(ctx, e) })
}
