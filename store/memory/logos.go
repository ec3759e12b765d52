package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport/oauth"
)

type logos struct{ *tx }

func (x logos) Put(_ context.Context, client string, image []byte) error {
	if err := x.write(client); err != nil {
		return fmt.Errorf("keeping a logo: %w", err)
	}
	x.state.logos.put(client, slices.Clone(image))
	return nil
}

func (x logos) Of(_ context.Context, client string) ([]byte, error) {
	image, ok := x.state.logos.get(client)
	if !ok {
		return nil, oauth.ErrNoLogo
	}
	return slices.Clone(image), nil
}

func (x logos) Remove(_ context.Context, client string) (bool, error) {
	if err := x.write(client); err != nil {
		return false, fmt.Errorf("removing a logo: %w", err)
	}
	return x.state.logos.remove(client), nil
}
