package account

import (
	"cmp"
	"context"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

// SendLink sends a link and a code to sign in with to the address of the user of that
// name, if they have proved one. Nothing else tells whether there is such a user.
// The page of the link leads to returnTo afterwards.
func (s *Service) SendLink(ctx context.Context, identifier, returnTo string, o Origin) error {
	return s.ask(ctx, identifier, "link.send", mailing{
		purpose: forLink, kind: outbox.Link, path: linkPath, lifetime: outbox.CodeLifetime, data: mailedData{ReturnTo: returnTo},
	}, o)
}

// RedeemLink signs in who brings a link or a code out of the mail. Errors: those of
// [Service.SignIn], with [ErrMailed] in place of [ErrInvalidCredentials].
func (s *Service) RedeemLink(ctx context.Context, k Mailed, in SignIn, o Origin) (*SignedIn, error) {
	var c outcome
	err := s.redeem(ctx, k, parseIdentifier(k.Identifier).counted, "user.sign_in", o, func() error {
		p, now, err := s.position(ctx)
		if err != nil {
			return err
		}
		return s.Store.Update(ctx, func(tx Tx) error {
			owner, err := s.owner(ctx, tx, k)
			if err != nil {
				return err
			}
			_, d, u, err := s.take(ctx, tx, k, owner, now, forLink)
			if err != nil {
				return err
			}
			as := in
			as.ReturnTo = cmp.Or(in.ReturnTo, d.ReturnTo)
			c, err = s.conclude(ctx, tx, u, as, proof{AMR: []string{"otp"}, AAL: 1, Way: "link", Position: p, At: now}, o)
			return err
		})
	})
	return s.finish(c, err)
}
