package account

import (
	"context"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// A Profile is what people say of themselves.
type Profile struct {
	DisplayName string // "" = the user name will do
	Locale      string // BCP 47, such as "de"; "" = what the browser asks for
}

func (p *Profile) check() error {
	if utf8.RuneCountInString(p.DisplayName) > maxDisplayName || !plainText(p.DisplayName) {
		return invalid("display_name", "must be plain text of at most %d characters", maxDisplayName)
	}
	if p.Locale == "" {
		return nil
	}
	tag, err := language.Parse(p.Locale)
	if err != nil || len(p.Locale) > 35 { // RFC 5646 §4.4.1
		return invalid("locale", "must be a language such as de or en-GB")
	}
	p.Locale = tag.String()
	return nil
}

// ChangeProfile replaces what a user says of themselves.
func (s *Service) ChangeProfile(ctx context.Context, user string, p Profile, o Origin) error {
	if err := p.check(); err != nil {
		return err
	}
	now := present()
	return s.Store.Update(ctx, func(tx Tx) error {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return err
		}
		u.DisplayName, u.Locale, u.UpdatedAt = p.DisplayName, p.Locale, now
		if err := tx.Users.SetProfile(ctx, u); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, o.Entry("user.profile", user, now))
	})
}
