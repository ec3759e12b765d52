package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
)

// checkName is where the store keeps the proof that the sealing key is the right
// one.
const checkName = "sealing-check"

// sealer finds the sealing key, makes one at the very first start, and refuses a
// wrong one.
func (c *Config) sealer(ctx context.Context) (*secret.Sealer, error) {
	var proof []byte
	err := c.Store.View(ctx, func(tx account.Tx) (err error) { proof, err = tx.Secrets.Get(ctx, checkName); return err })
	if err != nil {
		return nil, fmt.Errorf("reading store: %w", err)
	}
	key, err := c.sealingKey(proof != nil)
	if err != nil {
		return nil, err
	}
	sealer, err := secret.New(append([][]byte{key}, c.OldSealingKeys...)...)
	if err != nil {
		return nil, err
	}
	if proof == nil {
		err = c.Store.Update(ctx, func(tx account.Tx) (err error) {
			proof, err = tx.Secrets.Create(ctx, checkName, sealer.Check())
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("writing store: %w", err)
		}
	}
	return sealer, sealer.Confirm(proof)
}

// sealingKey is the configured one, or that of the file. A store that was sealed
// before never gets a new key.
func (c *Config) sealingKey(sealed bool) ([]byte, error) {
	if c.SealingKey != nil {
		return c.SealingKey, nil
	}
	path := c.SealingKeyFile
	if file, ok := c.Store.(interface{ Path() string }); ok && path == "" {
		path = file.Path() + ".key"
	}
	if path == "" {
		return nil, errors.New("SealingKey and SealingKeyFile are missing: with this store one of them must be given")
	}
	key, err := secret.ReadKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if sealed {
			return nil, fmt.Errorf("the sealing key %s is missing: without it the keys in the database cannot be read", path)
		}
		return secret.CreateKeyFile(path)
	}
	return key, err
}

// pseudonymName is where the store keeps the key of pseudonyms. It is a purpose of the
// sealer, too.
const pseudonymName = "pseudonyms"

// veil finds the key by which clients with pairwise subjects know people, and makes it at
// the first start that looks for it. Other working keys come of the sealing key; this one
// is random, so that people stay who they are when that is replaced.
func (s *Server) veil(ctx context.Context) error {
	var box []byte
	store := s.config.Store
	err := store.View(ctx, func(tx account.Tx) (err error) { box, err = tx.Secrets.Get(ctx, pseudonymName); return err })
	if err == nil && box == nil {
		err = store.Update(ctx, func(tx account.Tx) (err error) {
			box, err = tx.Secrets.Create(ctx, pseudonymName, s.sealer.Seal(pseudonymName, "", secret.NewKey()))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("finding the key of pseudonyms: %w", err)
	}
	key, err := s.sealer.Open(pseudonymName, "", box)
	if err != nil {
		return fmt.Errorf("opening the key of pseudonyms: %w", err)
	}
	s.Accounts.Pseudonyms = &oauth.Pseudonyms{Key: key}
	return nil
}
