package ssf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/ssf"
)

// conforms holds a token against what RFC 8417 §2, SSF 1.0 §4.1 and CAEP 1.0 §2 and §3
// say of all tokens and of the events that we tell.
func conforms(text []byte) error {
	var c struct {
		Issuer  string                     `json:"iss"`
		ID      string                     `json:"jti"`
		Issued  json.Number                `json:"iat"`
		Aud     any                        `json:"aud"`
		Txn     any                        `json:"txn"`
		Sub     *string                    `json:"sub"`
		Exp     *json.Number               `json:"exp"`
		Subject json.RawMessage            `json:"sub_id"`
		Events  map[string]json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	var errs []error
	want := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	want(strings.HasPrefix(c.Issuer, "https://"), "iss")
	want(c.ID != "", "jti")
	_, err := c.Issued.Int64()
	want(err == nil, "iat")
	want(c.Aud != nil, "aud")
	want(c.Sub == nil, "sub must not be there")
	want(c.Exp == nil, "exp must not be there")
	if _, text := c.Txn.(string); c.Txn != nil {
		want(text, "txn is text")
	}
	errs = append(errs, subject(c.Subject))
	want(len(c.Events) == 1, "one event")
	for event, body := range c.Events {
		errs = append(errs, eventBody(event, body))
	}
	return errors.Join(errs...)
}

func subject(text json.RawMessage) error {
	var s map[string]json.RawMessage
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	var format string
	if err := json.Unmarshal(s["format"], &format); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	members := map[string][]string{ // RFC 9493 §3, SSF 1.0 §3.5
		"iss_sub": {"iss", "sub"}, "opaque": {"id"}, "email": {"email"}, "phone_number": {"phone_number"},
		"jwt_id": {"iss", "jti"}, "saml_assertion_id": {"issuer", "assertion_id"},
	}
	if format == "complex" {
		if len(s) < 2 {
			return errors.New("a complex subject without members")
		}
		for name, inner := range s {
			if name != "format" {
				if err := subject(inner); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		return nil
	}
	if members[format] == nil {
		return nil // a proprietary one
	}
	for _, name := range members[format] {
		var v string
		if json.Unmarshal(s[name], &v) != nil || v == "" {
			return fmt.Errorf("%s without %s", format, name)
		}
	}
	if len(s) != 1+len(members[format]) {
		return fmt.Errorf("%s with other members", format)
	}
	return nil
}

func eventBody(event string, text json.RawMessage) error {
	var b struct {
		At         *json.Number      `json:"event_timestamp"`
		By         *string           `json:"initiating_entity"`
		Reason     map[string]string `json:"reason_admin"`
		Claims     map[string]any    `json:"claims"`
		Credential string            `json:"credential_type"`
		Change     string            `json:"change_type"`
		Status     string            `json:"status"`
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	if b.At != nil {
		if n, err := b.At.Int64(); err != nil || n > 1e11 {
			return fmt.Errorf("event_timestamp %v is not in seconds", *b.At)
		}
	}
	if b.By != nil && !slices.Contains([]string{"admin", "user", "policy", "system"}, *b.By) {
		return fmt.Errorf("initiating_entity %q", *b.By)
	}
	ok := true
	switch event {
	case ssf.TokenClaimsChange:
		ok = len(b.Claims) > 0
	case ssf.CredentialChange:
		ok = b.Credential != "" && slices.Contains([]string{"create", "revoke", "update", "delete"}, b.Change)
	case ssf.StreamUpdated:
		ok = slices.Contains([]string{"enabled", "paused", "disabled"}, b.Status)
	case ssf.SessionRevoked, ssf.Verification:
	default:
		return fmt.Errorf("event %s", event)
	}
	if !ok {
		return fmt.Errorf("%s with %s", event, text)
	}
	return nil
}

// The published examples pass, so that the measure is that of the specifications.
func TestPublishedExamples(t *testing.T) {
	text, err := os.ReadFile("testdata/examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		name, set, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if err := conforms([]byte(set)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n++
	}
	if n < 10 {
		t.Errorf("only %d examples", n)
	}
}

func TestOurTokensConform(t *testing.T) {
	st := ssf.Stream{ID: "stm_1", Owner: "usr_r"}
	for _, s := range []ssf.Signal{
		{Event: ssf.SessionRevoked, Subject: "usr_1", Session: "ses_1", By: ssf.User, Reason: "signed out"},
		{Event: ssf.SessionRevoked, Subject: "usr_1", By: ssf.Policy},
		{Event: ssf.SessionRevoked, Org: "org_1", By: ssf.System},
		{Event: ssf.SessionRevoked, Subject: "usr_1", Org: "org_1"},
		{Event: ssf.TokenClaimsChange, Subject: "usr_1"},
		{Event: ssf.TokenClaimsChange, Subject: "usr_1", Org: "org_1", Roles: []string{"a"}},
		{Event: ssf.CredentialChange, Subject: "usr_1", Credential: ssf.Password, Change: ssf.Create},
		{Event: ssf.CredentialChange, Subject: "usr_1", Credential: ssf.APIKey, Change: ssf.Revoke, Name: "x"},
	} {
		s.At, s.ID, s.Txn = at, "sig_1", "txn_1"
		b, _ := json.Marshal(st.Set("https://id.example", &s))
		if err := conforms(b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	for _, n := range []ssf.Notice{
		{JTI: "n", At: at, Event: ssf.Verification}, {JTI: "n", At: at, Event: ssf.StreamUpdated, Status: ssf.Disabled, Reason: "x"},
	} {
		b, _ := json.Marshal(st.NoticeSet("https://id.example", &n))
		if err := conforms(b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
}
