package memory

import (
	"context"
	"fmt"
	"slices"
)

type secrets struct{ *tx }

func (x secrets) Get(_ context.Context, name string) ([]byte, error) {
	value, _ := x.state.secrets.get(name)
	return slices.Clone(value), nil
}

func (x secrets) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if err := x.write(name); err != nil {
		return nil, fmt.Errorf("creating secret: %w", err)
	}
	if !x.state.secrets.has(name) {
		x.state.secrets.put(name, append([]byte{}, value...))
	}
	return x.Get(ctx, name)
}
