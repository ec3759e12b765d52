package token

import (
	"encoding/binary"
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
	// InsecureKeepTokens keeps tokens as they are. A hit then takes a third less, and whoever reads the memory of the process
	// can act as anybody whose token is remembered, until it expires or is revoked. It must be set before first use.
	InsecureKeepTokens bool

	follower *revoke.Follower
	entries  *revoke.Cache[string, *cacheEntry] // by the end of the text
	veil     *secret.Veil
}

// A cacheEntry is what a token must be equal to, and whose it is.
type cacheEntry struct {
	text      string        // up to the signature
	veiled    secret.Veiled // the signature
	signature string        // as it is, where tokens are kept
	owner
}

// maxRemembered bounds an entry. Longer tokens are verified each time.
const maxRemembered = secret.VeilSize

// NewCache returns a cache with room for that many tokens, each of which keeps at most 2 KiB and its principal. The follower must be
// the authenticator's.
func NewCache(f *revoke.Follower, tokens int) *Cache {
	return &Cache{follower: f, entries: revoke.NewCache[string, *cacheEntry](f, tokens), veil: secret.NewVeil()}
}

// find returns whose token it is, and asks verify if that is not remembered. Errors are not remembered. A nil Cache always asks.
func (c *Cache) find(token string, verify func() (owner, revoke.IDs, time.Time, error)) (*owner, error) {
	if c == nil || len(token) > maxRemembered {
		o, _, _, err := verify()
		return &o, err
	}
	text, signature := cutSignature(token)
	e, ok, err := c.entries.Lookup(name(text))
	switch {
	case err != nil:
		return nil, err
	case ok && e.text == text && c.signed(e, signature):
		return &e.owner, nil
	}
	mark, err := c.follower.Mark() // before verify begins, so that a change beside it is not missed
	if err != nil {
		return nil, err
	}
	o, ids, until, err := verify()
	if err != nil {
		return nil, err
	}
	e = c.entry(text, signature, o)
	c.entries.Put(name(e.text), e, mark, ids, until)
	return &e.owner, nil
}

// sizes are the lengths that a signature mostly has: HS256, then EdDSA and ES256, then an RSA key of 2048 bits.
var sizes = [...]int{43, 86, 342}

// cutSignature cuts a token behind its second point, which is its last, and an opaque token behind its salt. What has fewer points is no
// token, and is never remembered.
func cutSignature(token string) (text, signature string) {
	for _, size := range sizes { // base64url has no point, so that the first one met from behind is the last
		if n := len(token) - size; n > 0 && token[n-1] == '.' {
			return token[:n], token[n:]
		}
	}
	if strings.HasPrefix(token, OpaquePrefix) {
		n := min(opaqueClear, len(token))
		return token[:n], token[n:]
	}
	payload := strings.IndexByte(token, '.') + 1
	end := payload + strings.IndexByte(token[payload:], '.') + 1
	return token[:end], token[end:]
}

// name is where an entry is found: by the end of its text, 32 characters and the point, where the signer writes the token's id. That is
// all of an opaque token's text. Texts that end alike drive each other out, and are not mistaken for each other.
func name(text string) string { return text[max(len(text)-33, 0):] }

// entry copies what it keeps: a header that was sent hangs on all the others of its request.
func (c *Cache) entry(text, signature string, o owner) *cacheEntry {
	e := &cacheEntry{text: strings.Clone(text), owner: o}
	if c.InsecureKeepTokens {
		e.signature = strings.Clone(signature)
	} else {
		e.veiled = c.veil.Of(signature)
	}
	return e
}

// signed reports whether the entry was made for that signature.
func (c *Cache) signed(e *cacheEntry, signature string) bool {
	if c.InsecureKeepTokens {
		return len(e.signature) == len(signature) && equal(e.signature, signature)
	}
	return e.veiled == c.veil.Of(signature)
}

// equal compares strings of equal length in a time that depends on the length only, eight bytes at a time. Who comes here
// knows the text; how much of a signature is right he learns nowhere else either.
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
