package password

import "github.com/sallyport-auth/sallyport/authn/password/internal/foreign"

// A foreignHash is one that another system left behind. It is only ever verified, never written.
type foreignHash struct{ hash *foreign.Hash }

func parseForeign(s string) (foreignHash, error) {
	h, err := foreign.Parse(s)
	return foreignHash{h}, err
}

// matches compares what was typed, not its normal form, as for bcrypt.
func (h foreignHash) matches(password string) bool {
	normal, err := normalize(password)
	usable := err == nil && normal != "" && len(password) <= foreign.MaxPassword
	if !usable {
		password = "" // the work comes before the refusal
	}
	return h.hash.Matches(password) && usable
}

// outdated is always true: the next sign-in replaces it with argon2id.
func (h foreignHash) outdated(Params) bool { return true }

func (h foreignHash) format() string { return h.hash.Format }
