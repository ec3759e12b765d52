// Package importer reads people out of the files of other systems: our own JSON Lines and CSV, and what Auth0, Firebase, Keycloak, Ory
// Kratos, Supabase, better-auth, Django and Laravel export. It reads one record after the other, so that a file may be larger than the
// memory, and goes on behind one that it cannot read. What becomes of a record is for package account.
package importer

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Record is one person, as they come. The JSON names are those of a line of our own format.
type Record struct {
	ID            string       `json:"id,omitempty"` // kept if it is one of ours or a UUID
	Username      string       `json:"username,omitempty"`
	Email         string       `json:"email,omitempty"`
	EmailVerified bool         `json:"email_verified,omitempty"`
	Phone         string       `json:"phone,omitempty"`
	PhoneVerified bool         `json:"phone_verified,omitempty"`
	DisplayName   string       `json:"display_name,omitempty"`
	Locale        string       `json:"locale,omitempty"`
	Roles         []string     `json:"roles,omitempty"`
	Organizations []Membership `json:"organizations,omitempty"`
	Status        string       `json:"status,omitempty"` // "active" or "disabled"; "" = active
	CreatedAt     Time         `json:"created_at,omitzero"`

	PasswordHash string    `json:"password_hash,omitempty"`
	Password     *Password `json:"password,omitempty"` // instead of PasswordHash
	TOTP         *TOTP     `json:"totp,omitempty"`
	Passkeys     []Passkey `json:"passkeys,omitempty"`

	Identities []Identity `json:"identities,omitempty"`
}

// A Membership is of an organization. In JSON it may be the slug alone.
type Membership struct {
	Organization string   `json:"organization"` // slug or id
	Roles        []string `json:"roles,omitempty"`
}

// UnmarshalJSON also accepts a string.
func (m *Membership) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &m.Organization)
	}
	type plain Membership
	return strictly(b, (*plain)(m))
}

// TOTP is the seed of an authenticator app.
type TOTP struct {
	Secret    string `json:"secret"` // base32
	Algorithm string `json:"algorithm,omitempty"`
	Digits    int    `json:"digits,omitempty"`
	Period    int    `json:"period,omitempty"` // seconds
}

// A Passkey is a credential of WebAuthn. It goes on working only under the domain that it was made for.
type Passkey struct {
	CredentialID Bytes    `json:"credential_id"`
	PublicKey    Bytes    `json:"public_key"` // COSE key
	UserHandle   Bytes    `json:"user_handle"`
	SignCount    uint32   `json:"sign_count,omitempty"`
	Transports   []string `json:"transports,omitempty"`
	AAGUID       string   `json:"aaguid,omitempty"`
	Synced       *bool    `json:"backup_eligible,omitempty"` // nil = the other system does not know
	BackedUp     bool     `json:"backup_state,omitempty"`
	Name         string   `json:"name,omitempty"`
}

// An Identity is a sign-in with somebody else.
type Identity struct {
	Provider string `json:"provider,omitempty"` // as named in the settings; "" = found by the issuer
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Email    string `json:"email,omitempty"`
	Name     string `json:"name,omitempty"`
}

// Bytes are base64 in JSON, of either alphabet, with or without padding.
type Bytes []byte

// MarshalJSON writes base64url without padding.
func (b Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.RawURLEncoding.EncodeToString(b))
}

// UnmarshalJSON reads what MarshalJSON writes, and the other spellings.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	out, err := decode64(s)
	*b = out
	return err
}

func decode64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	out, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("not base64")
	}
	return out, nil
}

// A Time is RFC 3339, a database's "2006-01-02 15:04:05", or milliseconds since 1970.
type Time struct{ time.Time }

// UnmarshalJSON reads a string, a number or null.
func (t *Time) UnmarshalJSON(b []byte) (err error) {
	text := string(b)
	if text == "null" {
		return nil
	}
	if text[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	*t, err = parseTime(text)
	return err
}

// layouts of times; one without a zone is UTC.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"}

func parseTime(text string) (Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Time{}, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Time{time.UnixMilli(ms).UTC()}, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return Time{t.UTC()}, nil
		}
	}
	return Time{}, errors.New("not a time such as 2006-01-02T15:04:05Z")
}

// strictly decodes JSON and refuses members that it does not know, and anything behind.
func strictly(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return plainly(err)
	}
	if d.More() {
		return errors.New("there is something behind the JSON object")
	}
	return nil
}

// plainly says what is wrong with JSON without the words of Go.
func plainly(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a %s", cmp.Or(wrong.Field, "a person"), strings.SplitN(wrong.Value, " ", 2)[0])
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case text == "EOF", strings.Contains(text, "unexpected EOF"), strings.Contains(text, "unexpected end"):
		text = "the JSON breaks off"
	case strings.HasPrefix(text, "invalid character"):
		text = "not JSON: " + text
	}
	return errors.New(text)
}
