package session

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Memory keeps values for several nodes. It may lose them at any moment, return
// old ones, or be read and written by whoever should not. It must be safe for
// concurrent use, and fail rather than hang.
type Memory interface {
	// Get returns the value of a key, and nil if there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Shared is a [Source] that keeps what another one found in a memory that several
// nodes share, so that not each of them reads the store. It never changes an
// answer: a session out of the memory is used only if nothing in the revocation
// log, since before it was read from the store, touches it, and if it is alive and
// was kept within the minute. Whatever else the memory returns, or if it fails, the
// store is read.
//
// Values are sealed under keys derived from Key, one for each session: who reads
// the memory learns nothing, and who writes to it can put nothing there but what a
// node once did. All fields are required and must not change after first use. A
// Shared is safe for concurrent use.
type Shared struct {
	Sessions Source
	Memory   Memory
	Follower *revoke.Follower
	Key      []byte // secret, of 32 bytes, used for nothing else, and the same on all nodes
}

// Session implements [Source].
func (c *Shared) Session(ctx context.Context, hash []byte) (Session, error) {
	mark, err := c.Follower.Mark()
	if err != nil {
		return Session{}, err
	}
	name := c.derive("name", hash)
	now := time.Now()
	if box, err := c.Memory.Get(ctx, string(name)); err == nil && box != nil {
		if k := c.open(hash, box); k != nil && c.serves(k, now) {
			return k.session(hash), nil
		}
	}
	s, err := c.Sessions.Session(ctx, hash)
	if err != nil || !s.Alive(now) {
		return s, err
	}
	if stamp, ok := c.Follower.Stamp(mark); ok {
		// Its error is the memory's own affair: the next one reads the store.
		_ = c.Memory.Set(ctx, string(name), c.seal(hash, keep(s, stamp, now)), remember)
	}
	return s, nil
}

// Seen implements [Source].
func (c *Shared) Seen(ctx context.Context, s Session, now time.Time) error {
	return c.Sessions.Seen(ctx, s, now)
}

// A kept is a session in the memory. Times are Unix milliseconds.
type kept struct {
	Stamp revoke.Stamp

	ID, Subject, Org                                          string
	AAL                                                       int
	AMR                                                       []string
	Position                                                  revoke.Position
	AuthTime, CreatedAt, LastSeenAt, IdleExpiresAt, ExpiresAt int64
	Address, UserAgent                                        string
}

// keep returns s to be kept. A session whose use is due to be recorded, which
// whoever reads it from the store is about to do, is kept as if it had been: or
// every node would do so.
func keep(s Session, stamp revoke.Stamp, now time.Time) *kept {
	if useIsDue(s, now) {
		s.LastSeenAt = now
	}
	return &kept{
		Stamp: stamp, ID: s.ID, Subject: s.Subject, Org: s.Org, AAL: s.AAL, AMR: s.AMR, Position: s.Position,
		AuthTime: s.AuthTime.UnixMilli(), CreatedAt: s.CreatedAt.UnixMilli(), LastSeenAt: s.LastSeenAt.UnixMilli(),
		IdleExpiresAt: s.IdleExpiresAt.UnixMilli(), ExpiresAt: s.ExpiresAt.UnixMilli(),
		Address: s.Address, UserAgent: s.UserAgent,
	}
}

func (k *kept) session(hash []byte) Session {
	return Session{
		ID: k.ID, TokenHash: hash, Subject: k.Subject, Org: k.Org, AAL: k.AAL, AMR: k.AMR, Position: k.Position,
		AuthTime: time.UnixMilli(k.AuthTime), CreatedAt: time.UnixMilli(k.CreatedAt), LastSeenAt: time.UnixMilli(k.LastSeenAt),
		IdleExpiresAt: time.UnixMilli(k.IdleExpiresAt), ExpiresAt: time.UnixMilli(k.ExpiresAt),
		Address: k.Address, UserAgent: k.UserAgent,
	}
}

// serves reports whether k says what the store does. One that idled out may have
// been used elsewhere since it was kept. One whose use is due to be recorded may
// have been recorded elsewhere; that also bounds how long a session serves.
func (c *Shared) serves(k *kept, now time.Time) bool {
	s := k.session(nil)
	if !s.Alive(now) || useIsDue(s, now) || s.LastSeenAt.Sub(now) > maxSkew {
		return false
	}
	mark, ok := c.Follower.Since(k.Stamp)
	return ok && !c.Follower.Changed(mark, s.ids())
}

// maxSkew is how far the clocks of two nodes may differ.
const maxSkew = time.Minute

// derive returns what key and name of a session's value in the memory are made of:
// the name says nothing of the hash, and the hash is not even a token.
func (c *Shared) derive(purpose string, hash []byte) []byte {
	h := hmac.New(sha256.New, c.Key)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write(hash)
	return h.Sum(nil)
}

// aead returns the cipher of one session's values. With a key for each, random
// nonces never run out.
func (c *Shared) aead(hash []byte) cipher.AEAD {
	block, err := aes.NewCipher(c.derive("value", hash))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// format is authenticated with each value: values of another release are not
// opened.
var format = []byte("sallyport session 1")

func (c *Shared) seal(hash []byte, k *kept) []byte {
	plain, err := json.Marshal(k)
	if err != nil {
		panic(fmt.Sprintf("session: %v", err)) // no field can fail
	}
	return c.aead(hash).Seal(nil, nil, plain, format)
}

// open returns nil for what this installation did not seal for that session.
func (c *Shared) open(hash, box []byte) *kept {
	plain, err := c.aead(hash).Open(nil, nil, box, format)
	if err != nil {
		return nil
	}
	var k kept
	if json.Unmarshal(plain, &k) != nil {
		return nil
	}
	return &k
}
