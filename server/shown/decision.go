package shown

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// A DecisionQuery is what a decision depended on.
type DecisionQuery struct {
	Kind       string                     `json:"kind"` // of principal
	Roles      []string                   `json:"roles"`
	OrgRoles   []string                   `json:"org_roles"`
	Scopes     []string                   `json:"scopes"` // null: not limited
	Plan       string                     `json:"plan,omitempty"`
	Credential string                     `json:"credential,omitempty"`
	AuthTime   *time.Time                 `json:"auth_time"`
	AMR        []string                   `json:"amr"`
	AAL        int                        `json:"aal"`
	Attributes map[string]json.RawMessage `json:"attributes"` // of the resource; see authz.EncodeValue
	Parents    []Entity                   `json:"parents"`    // of the resource
	Context    map[string]json.RawMessage `json:"context"`
	Time       time.Time                  `json:"time"`
	Address    string                     `json:"address,omitempty"`
}

// NewDecisionQuery shows what e depended on.
func NewDecisionQuery(e authz.DecisionEntry) (DecisionQuery, error) {
	p := e.Principal
	if p == nil {
		p = new(sallyport.Principal)
	}
	out := DecisionQuery{
		Kind: p.Kind.String(), Roles: List(p.Roles), OrgRoles: List(p.OrgRoles), Scopes: p.Scopes, Plan: p.Plan, Credential: p.Credential,
		AuthTime: Moment(p.AuthTime), AMR: List(p.AMR), AAL: p.AAL, Parents: make([]Entity, len(e.Parents)), Time: e.Context.Time.UTC(),
	}
	for i, u := range e.Parents {
		out.Parents[i] = Entity{u.Type, u.ID}
	}
	if e.Context.Addr.IsValid() {
		out.Address = e.Context.Addr.String()
	}
	var err error
	if out.Attributes, err = values(e.Attrs); err == nil {
		out.Context, err = values(e.Context.Attrs)
	}
	if err != nil {
		return DecisionQuery{}, fmt.Errorf("showing decision %s: %w", e.ID, err)
	}
	return out, nil
}

func values(in map[string]sallyport.Value) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage, len(in))
	for name, v := range in {
		text, err := authz.EncodeValue(v)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}
