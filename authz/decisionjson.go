package authz

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// The forms in which a decision is stored. They are a format at rest: a name may
// be added, and none may change its meaning.
type (
	decisionForm struct {
		ID        string                     `json:"id"`
		At        time.Time                  `json:"at"`
		Allow     bool                       `json:"allow"`
		Rule      string                     `json:"rule,omitzero"`
		Source    string                     `json:"source,omitzero"`
		Reason    string                     `json:"reason,omitzero"`
		Need      *needForm                  `json:"need,omitzero"`
		Action    string                     `json:"action"`
		Principal *principalForm             `json:"principal,omitzero"`
		Resource  *uidForm                   `json:"resource,omitzero"`
		Attrs     map[string]json.RawMessage `json:"attrs,omitzero"`
		Parents   []uidForm                  `json:"parents,omitzero"`
		Context   contextForm                `json:"context"`
		Version   int64                      `json:"policy_version,omitzero"`
	}
	needForm struct {
		Scope  string        `json:"scope,omitzero"`
		ACR    []string      `json:"acr,omitzero"`
		MaxAge time.Duration `json:"max_age_ns,omitzero"`
	}
	principalForm struct {
		Kind       string    `json:"kind"`
		Subject    string    `json:"subject,omitzero"`
		Actor      string    `json:"actor,omitzero"`
		Org        string    `json:"org,omitzero"`
		Roles      []string  `json:"roles,omitzero"` // nil and empty stay different
		OrgRoles   []string  `json:"org_roles,omitzero"`
		Scopes     []string  `json:"scopes,omitzero"`
		Plan       string    `json:"plan,omitzero"`
		Session    string    `json:"session,omitzero"`
		Grant      string    `json:"grant,omitzero"`
		Client     string    `json:"client,omitzero"`
		Credential string    `json:"credential,omitzero"`
		AuthTime   time.Time `json:"auth_time,omitzero"`
		AMR        []string  `json:"amr,omitzero"`
		AAL        int       `json:"aal,omitzero"`
		Rev        string    `json:"rev,omitzero"`
	}
	uidForm struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	contextForm struct {
		Time  time.Time                  `json:"time,omitzero"`
		Addr  netip.Addr                 `json:"addr,omitzero"`
		Attrs map[string]json.RawMessage `json:"attrs,omitzero"`
	}
)

// MarshalJSON writes the entry such that UnmarshalJSON returns the same, with
// every [sallyport.Value] as [EncodeValue] writes it. Text elsewhere that is not
// UTF-8 becomes text that is.
func (e DecisionEntry) MarshalJSON() ([]byte, error) {
	attrs, err := encodeValues(e.Attrs)
	if err != nil {
		return nil, fmt.Errorf("attributes of decision %s: %w", e.ID, err)
	}
	context, err := encodeValues(e.Context.Attrs)
	if err != nil {
		return nil, fmt.Errorf("context of decision %s: %w", e.ID, err)
	}
	f := decisionForm{
		ID: e.ID, At: e.At.UTC(), Allow: e.Allow, Rule: e.Rule, Source: e.Source, Reason: e.Reason, Need: (*needForm)(e.Need),
		Action: e.Action, Principal: principalFormOf(e.Principal), Attrs: attrs,
		Context: contextForm{e.Context.Time.UTC(), e.Context.Addr, context}, Version: e.PolicyVersion,
	}
	if e.Resource != (sallyport.UID{}) {
		f.Resource = (*uidForm)(&e.Resource)
	}
	for _, p := range e.Parents {
		f.Parents = append(f.Parents, uidForm(p))
	}
	return marshal(f)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *DecisionEntry) UnmarshalJSON(text []byte) error {
	var f decisionForm
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	attrs, err := decodeValues(f.Attrs)
	if err != nil {
		return fmt.Errorf("attributes of decision %.60s: %w", f.ID, err)
	}
	context, err := decodeValues(f.Context.Attrs)
	if err != nil {
		return fmt.Errorf("context of decision %.60s: %w", f.ID, err)
	}
	principal, err := f.Principal.principal()
	if err != nil {
		return fmt.Errorf("principal of decision %.60s: %w", f.ID, err)
	}
	*e = DecisionEntry{
		Decision: sallyport.Decision{
			ID: f.ID, Allow: f.Allow, Rule: f.Rule, Source: f.Source, Reason: f.Reason, Need: (*sallyport.Need)(f.Need),
		},
		At: f.At, Action: f.Action, Principal: principal, Attrs: attrs,
		Context: sallyport.Context{Time: f.Context.Time, Addr: f.Context.Addr, Attrs: context}, PolicyVersion: f.Version,
	}
	if f.Resource != nil {
		e.Resource = sallyport.UID(*f.Resource)
	}
	for _, p := range f.Parents {
		e.Parents = append(e.Parents, sallyport.UID(p))
	}
	return nil
}

func encodeValues(values map[string]sallyport.Value) (map[string]json.RawMessage, error) {
	if values == nil {
		return nil, nil
	}
	out := make(map[string]json.RawMessage, len(values))
	for name, v := range values {
		text, err := EncodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		out[name] = text
	}
	return out, nil
}

func decodeValues(texts map[string]json.RawMessage) (map[string]sallyport.Value, error) {
	if texts == nil {
		return nil, nil
	}
	out := make(map[string]sallyport.Value, len(texts))
	for name, text := range texts {
		v, err := DecodeValue(text)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

func principalFormOf(p *sallyport.Principal) *principalForm {
	if p == nil {
		return nil
	}
	f := principalForm{
		Kind: p.Kind.String(), Subject: p.Subject, Actor: p.Actor, Org: p.Org, Roles: p.Roles, OrgRoles: p.OrgRoles, Scopes: p.Scopes, Plan: p.Plan,
		Session: p.Session, Grant: p.Grant, Client: p.Client, Credential: p.Credential, AMR: p.AMR, AAL: p.AAL, Rev: p.Rev,
	}
	if !p.AuthTime.IsZero() {
		f.AuthTime = p.AuthTime.UTC()
	}
	return &f
}

func (f *principalForm) principal() (*sallyport.Principal, error) {
	if f == nil {
		return nil, nil
	}
	p := &sallyport.Principal{
		Subject: f.Subject, Actor: f.Actor, Org: f.Org, Roles: f.Roles, OrgRoles: f.OrgRoles, Scopes: f.Scopes, Plan: f.Plan,
		Session: f.Session, Grant: f.Grant, Client: f.Client, Credential: f.Credential, AuthTime: f.AuthTime, AMR: f.AMR, AAL: f.AAL, Rev: f.Rev,
	}
	for _, p.Kind = range []sallyport.Kind{sallyport.Anonymous, sallyport.User, sallyport.Service} {
		if p.Kind.String() == f.Kind {
			return p, nil
		}
	}
	return nil, fmt.Errorf("kind %.40q is not known", f.Kind)
}
