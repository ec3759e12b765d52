package token

import "context"

// A KeyStore keeps signing keys within one transaction. Whoever changes keys
// locks the revocation log's counter row first, by appending a notice, so that
// two nodes never carry out a plan at once.
type KeyStore interface {
	// Keys returns all keys, ordered by KID.
	Keys(ctx context.Context) ([]StoredKey, error)
	// PutKey inserts the key or replaces it.
	PutKey(ctx context.Context, k StoredKey) error
	// DeleteKey removes a key and reports whether it was there.
	DeleteKey(ctx context.Context, kid string) (bool, error)
}
