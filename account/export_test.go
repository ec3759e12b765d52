package account

import "time"

// What names and addresses become is looked at from outside too: it decides who
// is who.
var (
	FoldUsername = foldUsername
	FoldEmail    = foldEmail
)

// SignInChallenge is a challenge to whoever holds the ticket, until expires.
func (s *Service) SignInChallenge(ticket string, expires time.Time) string {
	return signInChallenge(s.Sealer.Derive(signInPurpose), ticket, expires)
}
