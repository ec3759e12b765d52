// Package foreign reads the password hashes that other systems left behind, so that their owners can sign in once, after which
// argon2id replaces them. It verifies and never writes. What a hash may cost is bounded when it is read: one that asks for gigabytes
// or minutes is refused before any work is done.
package foreign

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// Bounds. Each lets a hash take a second or two, on the machine that verifies bcrypt of cost 15 in two.
const (
	maxText       = 1024      // bytes of a stored hash
	maxIterations = 5_000_000 // of PBKDF2, times the blocks of its key
	maxRounds     = 1_000_000 // of the crypt(3) family, which reads the whole password in each
	maxLogRounds  = 20        // of phpass, likewise
	maxMemory     = 256 << 20 // bytes
	maxTraffic    = 512 << 20 // bytes that scrypt writes
	maxBcrypt     = 15
)

// MaxPassword is the longest password in bytes that any of them is verified against: 256 code points.
const MaxPassword = 1024

// ErrUnknown means that no format begins like the text.
var ErrUnknown = errors.New("no known format begins like this")

// A Hash is a stored hash that was read. It is safe for concurrent use.
type Hash struct {
	// Format is its name, for reports.
	Format string

	match func(password []byte) bool
}

// Matches does the whole work of the hash. The password is compared as it was typed: none of these systems normalised, or all did
// so differently.
func (h *Hash) Matches(password string) bool { return h.match([]byte(password)) }

// A format is recognised by what it begins with.
type format struct {
	name   string
	prefix string
	parse  func(rest string) (matcher, error)
}

// A matcher does the work for one password.
type matcher = func(password []byte) bool

// formats in the order in which they are tried: a longer prefix before the shorter one that it begins with.
func formats() []format {
	return []format{
		{"argon2i", "$argon2i$", argon2i},
		{"argon2d", "$argon2d$", argon2d},
		{"bcrypt-sha256 (passlib)", "$bcrypt-sha256$", passlibBcrypt},
		{"bcrypt-sha384 (WordPress)", "$wp", wordpressBcrypt},
		{"scrypt (PHC)", "$scrypt$", phcScrypt},
		{"scrypt (s0)", "$s0$", s0Scrypt},
		{"scrypt (Firebase)", "$firescrypt$", kratosFirebase},
		{"scrypt (Firebase)", "$fbscrypt$", supabaseFirebase},
		{"yescrypt", "$y$", yescryptCrypt},
		{"pbkdf2 (passlib)", "$pbkdf2", passlibPBKDF2},
		{"sha512-crypt", "$6$", sha512Crypt},
		{"sha512-crypt", "$sha512-crypt$", sha512Crypt},
		{"sha256-crypt", "$5$", sha256Crypt},
		{"sha256-crypt", "$sha256-crypt$", sha256Crypt},
		{"md5-crypt", "$1$", md5Crypt("$1$")},
		{"md5-crypt", "$md5-crypt$", md5Crypt("$1$")},
		{"md5-crypt (Apache)", "$apr1$", md5Crypt("$apr1$")},
		{"sha1 (template)", "$sha1$pf=", template("sha1")},
		{"sha256 (template)", "$sha256$pf=", template("sha256")},
		{"sha512 (template)", "$sha512$pf=", template("sha512")},
		{"md5 (template)", "$md5$pf=", template("md5")},
		{"md5", "$md5$", plainMD5},
		{"sha1-crypt", "$sha1$", sha1Crypt},
		{"hmac", "$hmac-", hmacDigest},
		{"phpass", "$P$", phpass("md5", 22)},
		{"phpass", "$H$", phpass("md5", 22)},
		{"sha512 (Drupal 7)", "$S$", phpass("sha512", 43)},
		{"sha512 of md5 (Drupal 7)", "U$S$", twice(phpass("sha512", 43))},
		{"md5 (MediaWiki)", "$B$", mediaWikiB("$")},
		{"md5 (MediaWiki)", ":B:", mediaWikiB(":")},
		{"pbkdf2 (MediaWiki)", ":pbkdf2:", mediaWikiPBKDF2},
		{"pbkdf2 (Django)", "pbkdf2_sha256$", djangoPBKDF2("sha256")},
		{"pbkdf2 (Django)", "pbkdf2_sha1$", djangoPBKDF2("sha1")},
		{"bcrypt-sha256 (Django)", "bcrypt_sha256$", djangoBcryptSHA256},
		{"bcrypt (Django)", "bcrypt$", djangoBcrypt},
		{"scrypt (Django)", "scrypt$", djangoScrypt},
		{"scrypt (Werkzeug)", "scrypt:", werkzeugScrypt},
		{"scrypt (hashcat)", "SCRYPT:", hashcatScrypt},
		{"pbkdf2 (Werkzeug)", "pbkdf2:", werkzeugPBKDF2},
		{"md5 (Django, Werkzeug)", "md5$", saltedHex("md5")},
		{"sha1 (Django, Werkzeug)", "sha1$", saltedHex("sha1")},
		{"sha256 (Werkzeug)", "sha256$", saltedHex("sha256")},
		{"sha512 (Werkzeug)", "sha512$", saltedHex("sha512")},
		{"pbkdf2 (Atlassian)", "{PKCS5S2}", atlassian},
		{"pbkdf2 (389 Directory Server)", "{PBKDF2_SHA256}", directory389},
		{"pbkdf2 (LDAP)", "{PBKDF2", ldapPBKDF2},
		{"ssha (LDAP)", "{SSHA}", ldapDigest("sha1", true)},
		{"ssha256 (LDAP)", "{SSHA256}", ldapDigest("sha256", true)},
		{"ssha384 (LDAP)", "{SSHA384}", ldapDigest("sha384", true)},
		{"ssha512 (LDAP)", "{SSHA512}", ldapDigest("sha512", true)},
		{"smd5 (LDAP)", "{SMD5}", ldapDigest("md5", true)},
		{"sha (LDAP)", "{SHA}", ldapDigest("sha1", false)},
		{"sha256 (LDAP)", "{SHA256}", ldapDigest("sha256", false)},
		{"sha512 (LDAP)", "{SHA512}", ldapDigest("sha512", false)},
		{"md5 (LDAP)", "{MD5}", ldapDigest("md5", false)},
		{"pbkdf2 (ASP.NET Identity)", "A", aspNet},
	}
}

// wrappers are prefixes of systems that keep several formats side by side; what follows is read by itself.
var wrappers = []string{"{CRYPT}", "{crypt}", "{ARGON2}", "{argon2}", "{BCRYPT}", "{bcrypt}", "argon2"}

// Unwrap takes the prefix of a directory or of Django off a hash that is in another format below it.
func Unwrap(stored string) string {
	for _, w := range wrappers {
		if rest, ok := strings.CutPrefix(stored, w); ok && strings.HasPrefix(rest, "$") {
			return rest
		}
	}
	return stored
}

// Parse reads a stored hash. Its error says what is wrong with it, in words that contain nothing of it.
func Parse(stored string) (*Hash, error) {
	if len(stored) > maxText {
		return nil, fmt.Errorf("the hash is longer than %d bytes", maxText)
	}
	for _, f := range formats() {
		rest, ok := strings.CutPrefix(stored, f.prefix)
		if !ok {
			continue
		}
		match, err := f.parse(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		return &Hash{f.name, match}, nil
	}
	return nil, ErrUnknown
}

// derived matches the password from which derive makes key.
func derived(key []byte, derive func(password []byte) []byte) matcher {
	return func(password []byte) bool { return subtle.ConstantTimeCompare(derive(password), key) == 1 }
}

// tooCostly is what a hash is refused with that would take too long, or too much memory.
func tooCostly(what string, n, most uint64) error {
	return fmt.Errorf("too costly: %s %d, at most %d", what, n, most)
}
