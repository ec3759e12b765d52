package account

import (
	"time"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// slack is what the clocks of nodes may differ by without anybody having to
// refresh a token for it.
const slack = 10 * time.Minute

// brief is how long the log remembers what is about access tokens and kept
// look-ups only: see [Service.remembered].
func (s *Service) brief() time.Duration { return s.accessLifetime() + authz.AssignmentLife + slack }

// long is how long the log remembers what ends sessions.
func (s *Service) long() time.Duration {
	return max(s.Timeouts.AbsoluteOrDefault(), s.familyLifetime()) + s.brief()
}

// remembered returns how long after it was written an entry stays in the log. An
// entry outlives what it ends or changes:
//
//	entry                      what is still there when it is written                        lives
//	overlay                    tokens with the old roles; roles kept by authz.Assignments    brief
//	notice                     look-ups kept by nodes                                        brief
//	kill of a token            the token                                                     brief
//	kill of an API key         look-ups kept for a minute; nothing is signed with a key      brief
//	kill of an organization,   tokens that act there; the sessions go on elsewhere           brief
//	or of a subject in one
//	kill of a session          its tokens, and copies of its row: its absolute lifetime      long
//	kill of a subject          the same of all its sessions                                  long
//	any other kill             who knows                                                     long
//	kill of a signing key      package keyring: a thief writes any expiry he likes           a year
//
// brief is the lifetime of an access token, for what was minted just before; that
// of kept roles, for what was looked up just before; and slack. The clocks are
// those of the node that writes the entry, of the one that minted the token, of
// the one that verifies it and of the one that sweeps the log.
//
// Nothing lives that should not if these clocks differ by more. An entry that is
// swept raises the floor of the log, and one that a node drops from memory raises
// what that node has forgotten, and tokens from before either are refused, whoever
// they are of. So a wrong lifetime costs the innocent a refresh: none may be
// shorter than an access token lives, for a token minted just before an entry
// would be refused when that is swept.
func (s *Service) remembered(e revoke.Effect, kind revoke.Kind, org string) time.Duration {
	switch {
	case e != revoke.Kill:
		return s.brief()
	case kind == revoke.Token, kind == revoke.APIKey, kind == revoke.Org, kind == revoke.Subject && org != "":
		return s.brief()
	}
	return s.long()
}

// entry returns an entry of the log, which lives as long as it is needed.
func (s *Service) entry(e revoke.Effect, kind revoke.Kind, id, org string, now time.Time) revoke.Entry {
	return revoke.Entry{Effect: e, Kind: kind, ID: id, Org: org, CreatedAt: now, ExpiresAt: now.Add(s.remembered(e, kind, org))}
}

// killEntry ends what it names.
func (s *Service) killEntry(kind revoke.Kind, id string, now time.Time) revoke.Entry {
	return s.entry(revoke.Kill, kind, id, "", now)
}

// notice tells every node to read something anew.
func (s *Service) notice(kind revoke.Kind, id string, now time.Time) revoke.Entry {
	return s.entry(revoke.Notice, kind, id, "", now)
}
