// Package ssf is what is told to other parties of what happens here, by the Shared
// Signals Framework 1.0 with events of CAEP 1.0: which entry of the revocation log
// means which event, how an event becomes a security event token (RFC 8417), and
// what a stream of them may be like. Who sends them is package server/transmitter.
package ssf

import (
	"cmp"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// The types of events. The first three are those of CAEP 1.0 that we tell; the
// others are about a stream itself (SSF 1.0 §8.1.4 and §8.1.5).
const (
	SessionRevoked    = caep + "session-revoked"
	TokenClaimsChange = caep + "token-claims-change"
	CredentialChange  = caep + "credential-change"

	Verification  = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"

	caep = "https://schemas.openid.net/secevent/caep/event-type/"
)

// Supported are the events that a stream can be asked for.
var Supported = []string{SessionRevoked, TokenClaimsChange, CredentialChange}

// Retention is how long a signal waits for a receiver.
const Retention = 7 * 24 * time.Hour

// An Entity is who caused an event (CAEP 1.0 §2, initiating_entity).
type Entity string

// The entities.
const (
	Admin  Entity = "admin"
	User   Entity = "user"
	Policy Entity = "policy"
	System Entity = "system"
)

// A Change is what was done to a credential (CAEP 1.0 §3.3.1, change_type).
type Change string

// The changes.
const (
	Create Change = "create"
	Update Change = "update"
	Revoke Change = "revoke"
)

// The types of credentials that change (CAEP 1.0 §3.3.1, credential_type). The last
// ones are none that CAEP names; it lets receivers and transmitters agree on others.
const (
	Password = "password"
	X509     = "x509"
	FIDO2    = "fido2-roaming"
	App      = "app" // TOTP
	PhoneSMS = "phone-sms"

	APIKey        = "api-key"
	Email         = "email"
	RecoveryCodes = "recovery-codes"
	Federated     = "federated"
)

// A Signal is an event that happened, before anybody is told. It is kept in the
// transaction that caused it, at the number of the entry of the log that it is
// derived from: the order of signals is that of the log. Times have millisecond
// precision.
type Signal struct {
	Seq int64     `json:"-"`
	ID  string    `json:"-"` // random: numbers are given out again by a restored database
	At  time.Time `json:"-"`

	Event   string   `json:"event"`
	Subject string   `json:"subject,omitempty"` // user
	Session string   `json:"session,omitempty"`
	Org     string   `json:"org,omitempty"`
	Roles   []string `json:"roles,omitempty"` // that the subject has now, in Org or everywhere

	Credential string `json:"credential,omitempty"` // its type
	Change     Change `json:"change,omitempty"`
	Name       string `json:"name,omitempty"` // that its owner gave it

	By     Entity `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"` // for administrators, in English
	Txn    string `json:"txn,omitempty"`    // one for all signals of a transaction
}

// Text returns every text of the signal, for a store that must refuse some.
func (s *Signal) Text() []string {
	return append([]string{
		s.ID, s.Event, s.Subject, s.Session, s.Org, s.Credential, string(s.Change), s.Name, string(s.By), s.Reason, s.Txn,
	}, s.Roles...)
}

// About is what a transaction knows of its entries and the log does not say.
type About struct {
	Subject string // whose sessions, keys and passwords the entries are about
	By      Entity
	Reason  string
	Change  Change // of the credential; "" = it did not change
	Name    string // of the credential, if it has one

	Credential string // type of what changed; "" = the password
}

// Derive returns what the entries, the last of which has that number, mean to those
// who are told of events. Most entries mean at most one; an entry without a signal
// concerns nobody in particular, or nobody outside.
//
//	kill of a session              session-revoked, of the session and its user
//	kill of a subject              session-revoked, of the user; in an organization: of user and tenant
//	kill of an organization        session-revoked, of the tenant
//	overlay                        token-claims-change: roles, or org and org_roles
//	kill, notice of an API key     credential-change: revoke, create
//	notice of a subject, or of     credential-change of the password, or of what
//	the session that changed it,   else About says
//	if a credential changed
func Derive(last int64, about About, entries ...revoke.Entry) (signals []Signal) {
	txn := ""
	for i, e := range entries {
		s, ok := meaning(&e, &about)
		if !ok {
			continue
		}
		if txn == "" {
			txn = secret.NewID("txn")
		}
		s.Seq, s.At, s.ID, s.Txn = last-int64(len(entries)-1-i), e.CreatedAt, secret.NewID("sig"), txn
		s.By, s.Reason = about.By, about.Reason
		signals = append(signals, s)
	}
	return signals
}

type effect struct {
	revoke.Effect
	revoke.Kind
}

func meaning(e *revoke.Entry, about *About) (Signal, bool) {
	switch (effect{e.Effect, e.Kind}) {
	case effect{revoke.Kill, revoke.Session}:
		return Signal{Event: SessionRevoked, Subject: about.Subject, Session: e.ID}, true
	case effect{revoke.Kill, revoke.Subject}:
		return Signal{Event: SessionRevoked, Subject: e.ID, Org: e.Org}, true
	case effect{revoke.Kill, revoke.Org}:
		return Signal{Event: SessionRevoked, Org: e.ID}, true
	case effect{revoke.Overlay, revoke.Subject}:
		return Signal{Event: TokenClaimsChange, Subject: e.ID, Org: e.Org, Roles: e.Overlay}, true
	case effect{revoke.Kill, revoke.APIKey}:
		return Signal{Event: CredentialChange, Subject: about.Subject, Credential: APIKey, Change: Revoke, Name: about.Name}, about.Subject != ""
	case effect{revoke.Notice, revoke.APIKey}:
		return Signal{Event: CredentialChange, Subject: about.Subject, Credential: APIKey, Change: Create, Name: about.Name}, about.Subject != ""
	case effect{revoke.Notice, revoke.Subject}, effect{revoke.Notice, revoke.Session}:
		return Signal{
			Event: CredentialChange, Subject: about.Subject, Credential: cmp.Or(about.Credential, Password), Change: about.Change, Name: about.Name,
		}, about.Change != ""
	}
	return Signal{}, false
}
