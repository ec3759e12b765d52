package account

import (
	"context"
	"errors"

	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

// SetLogo gives a client the picture that people see of it, from a PNG file (see
// [oauth.DrawLogo]). The errors of [Service.RotateClientSecret]: a client that looks like
// another one gets what people would have given that.
func (s *Service) SetLogo(ctx context.Context, client string, file []byte, o Origin) error {
	image, err := oauth.DrawLogo(file)
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		return invalid(e.Field, "%s", e.Says)
	}
	if err != nil {
		return err
	}
	return s.clientChange(ctx, "client.set_logo", client, present(), o, func(tx Tx) ([]revoke.Entry, error) {
		if _, err := clientOf(ctx, tx, client, o); err != nil {
			return nil, err
		}
		return nil, tx.Logos.Put(ctx, client, image)
	})
}

// RemoveLogo takes the picture away. [oauth.ErrNoLogo] if there is none; otherwise as
// [Service.SetLogo].
func (s *Service) RemoveLogo(ctx context.Context, client string, o Origin) error {
	return s.clientChange(ctx, "client.remove_logo", client, present(), o, func(tx Tx) ([]revoke.Entry, error) {
		if _, err := clientOf(ctx, tx, client, o); err != nil {
			return nil, err
		}
		there, err := tx.Logos.Remove(ctx, client)
		if err == nil && !there {
			err = oauth.ErrNoLogo
		}
		return nil, err
	})
}

// Logo returns the picture of a client, as PNG; [oauth.ErrNoLogo] if it has none.
func (s *Service) Logo(ctx context.Context, client string) (image []byte, err error) {
	if !plainText(client) {
		return nil, oauth.ErrNoLogo
	}
	err = s.Store.View(ctx, func(tx Tx) error { image, err = tx.Logos.Of(ctx, client); return err })
	return image, err
}
