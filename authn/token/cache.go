package token

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Cache remembers whose a token is once it was verified, until it expires or the log says that something about it has changed. It
// never grows past its size, and it is safe for concurrent use.
//
// It holds nothing that could be used as a token: of the signature it keeps what [secret.Veil] makes of it, of the rest the text, which
// is worth nothing without it. See docs/decisions/0016-what-the-cache-of-tokens-keeps.md.
type Cache struct {
	// InsecureKeepTokens keeps tokens as they are. A hit then takes a fifth less, and whoever reads the memory of the process
	// can act as anybody whose token is remembered, until it expires or is revoked. It must be set before first use.
	InsecureKeepTokens bool

	follower *revoke.Follower
	entries  *revoke.Cache[secret.Veiled, cacheEntry] // by signature
	veil     *secret.Veil
	seed     maphash.Seed
}

// A cacheEntry is what a token must be equal to beside its key, and whose it is.
type cacheEntry struct {
	text string // up to the signature; the whole token where tokens are kept
	owner
}

// maxRemembered bounds the text of an entry. Longer tokens are verified each time. A signature of that length can be veiled.
const maxRemembered = secret.VeilSize

// NewCache returns a cache with room for that many tokens, each of which keeps at most 2 KiB and its principal. The follower must be
// the authenticator's.
func NewCache(f *revoke.Follower, tokens int) *Cache {
	return &Cache{
		follower: f, entries: revoke.NewCache[secret.Veiled, cacheEntry](f, tokens),
		veil: secret.NewVeil(), seed: maphash.MakeSeed(),
	}
}

// find returns whose token it is, and asks verify if that is not remembered. Errors are not remembered. A nil Cache always asks.
func (c *Cache) find(token string, verify func() (owner, revoke.IDs, time.Time, error)) (owner, error) {
	if c == nil || len(token) > maxRemembered {
		p, _, _, err := verify()
		return p, err
	}
	text, signature := cutSignature(token)
	key := c.key(signature)
	e, ok, err := c.entries.Lookup(key)
	switch {
	case err != nil:
		return owner{}, err
	case ok && c.is(e, token, text):
		return e.owner, nil
	}
	mark, err := c.follower.Mark() // before verify begins, so that a change beside it is not missed
	if err != nil {
		return owner{}, err
	}
	p, ids, until, err := verify()
	if err == nil {
		c.entries.Put(key, c.entry(token, text, p), mark, ids, until)
	}
	return p, err
}

// sizes are the lengths that a signature mostly has: HS256, then EdDSA and ES256, then an RSA key of 2048 bits.
var sizes = [...]int{43, 86, 342}

// cutSignature cuts a token behind its second point, which is its last. What has fewer is no token, and is never remembered.
func cutSignature(token string) (text, signature string) {
	for _, size := range sizes { // base64url has no point, so that the first one met from behind is the last
		if n := len(token) - size; n > 0 && token[n-1] == '.' {
			return token[:n], token[n:]
		}
	}
	payload := strings.IndexByte(token, '.') + 1
	end := payload + strings.IndexByte(token[payload:], '.') + 1
	return token[:end], token[end:]
}

// key stands for the signature; where tokens are kept, for its end only, because all of it is compared.
func (c *Cache) key(signature string) (k secret.Veiled) {
	if !c.InsecureKeepTokens {
		return c.veil.Of(signature)
	}
	binary.LittleEndian.PutUint64(k[:], maphash.String(c.seed, signature[max(len(signature)-32, 0):]))
	return k
}

// entry copies what it keeps: a header that was sent hangs on all the others of its request.
func (c *Cache) entry(token, text string, p owner) cacheEntry {
	if c.InsecureKeepTokens {
		text = token
	}
	return cacheEntry{strings.Clone(text), p}
}

// is reports whether the entry, which was found by the key of its signature, is that token's.
func (c *Cache) is(e cacheEntry, token, text string) bool {
	if !c.InsecureKeepTokens {
		return e.text == text
	}
	n := len(text)
	return len(e.text) == len(token) && e.text[:n] == text && equal(e.text[n:], token[n:])
}

// equal compares strings of equal length in a time that depends on the length only, eight bytes at a time. Who comes here has
// presented a signature of the same seeded hash; how much of it is right he would learn nowhere else either.
func equal(a, b string) bool {
	var differ uint64
	for ; len(a) >= 8; a, b = a[8:], b[8:] {
		differ |= binary.LittleEndian.Uint64([]byte(a[:8])) ^ binary.LittleEndian.Uint64([]byte(b[:8]))
	}
	for i := range len(a) {
		differ |= uint64(a[i] ^ b[i])
	}
	return differ == 0
}
