package ssf

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Typ is the explicit type of a security event token (RFC 8417 §2.3). Access tokens
// have another, so that neither passes for the other.
const Typ = "secevent+jwt"

// A Set is a security event token before it is signed: what it says. It has neither
// sub nor exp (SSF 1.0 §4.1.2 and §4.1.7), so that whoever forgets to look at its type
// does not take it for a token of a user.
type Set struct {
	Issuer    string                    `json:"iss"`
	ID        string                    `json:"jti"`
	IssuedAt  int64                     `json:"iat"`
	Audience  string                    `json:"aud"`
	Txn       string                    `json:"txn,omitempty"`
	SubjectID Subject                   `json:"sub_id"`
	Events    map[string]map[string]any `json:"events"` // one
}

// A Subject is a subject identifier (RFC 9493), simple or complex (SSF 1.0 §3).
type Subject struct {
	Format  string   `json:"format"`
	Issuer  string   `json:"iss,omitempty"` // of iss_sub
	Subject string   `json:"sub,omitempty"`
	ID      string   `json:"id,omitempty"` // of opaque
	User    *Subject `json:"user,omitempty"`
	Session *Subject `json:"session,omitempty"`
	Tenant  *Subject `json:"tenant,omitempty"`
}

func issSub(issuer, subject string) *Subject {
	return &Subject{Format: "iss_sub", Issuer: issuer, Subject: subject}
}

func opaque(id string) *Subject { return &Subject{Format: "opaque", ID: id} }

// subject identifies whom a signal is about: a user alone as iss_sub, which is what
// tokens of the issuer say of them, and anything else as a complex subject. A
// session is its sid, a tenant the id of an organization, as in the claims sid and org.
func (s *Signal) subject(issuer string) Subject {
	if s.Session == "" && s.Org == "" {
		return *issSub(issuer, s.Subject)
	}
	out := Subject{Format: "complex"}
	if s.Subject != "" {
		out.User = issSub(issuer, s.Subject)
	}
	if s.Session != "" {
		out.Session = opaque(s.Session)
	}
	if s.Org != "" {
		out.Tenant = opaque(s.Org)
	}
	return out
}

// Set returns the token that tells the stream of the signal. It is the same whenever
// it is asked for, so that a receiver which is told twice knows it by its jti.
func (st *Stream) Set(issuer string, s *Signal) Set {
	return Set{
		Issuer: issuer, ID: st.JTI(s), IssuedAt: s.At.Unix(), Audience: st.Audience(), Txn: s.Txn,
		SubjectID: s.subject(issuer), Events: map[string]map[string]any{s.Event: s.claims()},
	}
}

// JTI is the id of the token that tells the stream of the signal: another one for
// each stream.
func (st *Stream) JTI(s *Signal) string {
	sum := sha256.Sum256([]byte(s.ID + "\x00" + st.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// claims is the event: what CAEP 1.0 §2 says of all, and §3 of its type.
func (s *Signal) claims() map[string]any {
	c := map[string]any{"event_timestamp": s.At.Unix()}
	if s.By != "" {
		c["initiating_entity"] = s.By
	}
	if s.Reason != "" {
		c["reason_admin"] = map[string]string{"en": s.Reason}
	}
	switch s.Event {
	case TokenClaimsChange:
		roles := append([]string{}, s.Roles...) // none is [], not null
		c["claims"] = map[string]any{"roles": roles}
		if s.Org != "" {
			c["claims"] = map[string]any{"org": s.Org, "org_roles": roles}
		}
	case CredentialChange:
		c["credential_type"], c["change_type"] = s.Credential, s.Change
		if s.Name != "" {
			c["friendly_name"] = s.Name
		}
	}
	return c
}

// A Notice is an event about the stream itself, which waits in it.
type Notice struct {
	JTI    string    `json:"jti"`
	At     time.Time `json:"at"`
	Event  string    `json:"event"` // Verification or StreamUpdated
	State  string    `json:"state,omitempty"`
	Status Status    `json:"status,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// NoticeSet returns the token of a notice. Its subject is the stream.
func (st *Stream) NoticeSet(issuer string, n *Notice) Set {
	c := map[string]any{}
	if n.State != "" {
		c["state"] = n.State
	}
	if n.Event == StreamUpdated {
		c["status"] = n.Status
		if n.Reason != "" {
			c["reason"] = n.Reason
		}
	}
	return Set{
		Issuer: issuer, ID: n.JTI, IssuedAt: n.At.Unix(), Audience: st.Audience(),
		SubjectID: *opaque(st.ID), Events: map[string]map[string]any{n.Event: c},
	}
}

// Sign returns the token. sign is given its type and payload.
func (s *Set) Sign(sign func(typ string, payload []byte) (string, error)) (string, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return sign(Typ, payload)
}
