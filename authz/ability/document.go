package ability

import (
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Version is the version of the format.
const Version = 1

// A Document is what a principal may do, as far as it is known without the object.
// The zero Document permits nothing. It is safe for concurrent use while nobody
// changes it.
type Document struct {
	Epoch     int64     // changes with the policy and the principal's roles: then the document is fetched again
	Expires   time.Time // from then on the answer is Ask; to the second
	Principal sallyport.UID
	Scopes    []string // upper bound by the credential, as permissions; nil = not limited
	Types     map[string]*Type
	Rules     []Rule
}

// A Type is what a document knows of a type of object. Make one with [Describe].
type Type struct {
	Org     *string           // the organization whose objects alone may be permitted, "" = none; nil: the type belongs to no organizations
	Attrs   map[string]string // kinds of attributes: "bool", "int", "string", "time", "duration", "entity:User", "set:" and one of these
	Parents map[string]bool   // attributes that name what the object is in; true: which may be in more, which is not known
}

// AnyType is the [Rule.Type] of a rule that counts for every object and for none.
const AnyType = "*"

// A Rule permits or forbids.
type Rule struct {
	Effect  rule.Effect
	Actions []string   // permissions: "post:delete", "post:*", "*"
	Type    string     // of the objects it is about; "" = queries without an object, [AnyType] = all queries
	When    *rule.Expr // residual on objects of Type; nil = always
	Ask     bool       // whether the rule fires is for the server to say
}

// Describe returns what a document says of t, for a principal who acts in org
// ("" = none). Attributes of other kinds than [Type] names are left out.
func Describe(t sallyport.AnyType, org string) *Type {
	d := &Type{Attrs: make(map[string]string), Parents: make(map[string]bool)}
	if t.InOrganizations() {
		d.Org = &org
	}
	for _, a := range t.Attributes() {
		kind := kindName(a.Kind, a.Entity)
		if a.Kind == sallyport.KindSet {
			if kind = kindName(a.Element, a.Entity); kind != "" {
				kind = "set:" + kind
			}
		}
		if kind != "" {
			d.Attrs[a.Name] = kind
		}
		if a.Parent {
			d.Parents[a.Name] = !a.Top
		}
	}
	return d
}

// kindName returns the name of a kind in documents, "" if it has none.
func kindName(k sallyport.ValueKind, entity string) string {
	switch k {
	case sallyport.KindBool, sallyport.KindInt, sallyport.KindString, sallyport.KindTime, sallyport.KindDuration:
		return k.String()
	case sallyport.KindEntity:
		return "entity:" + entity
	}
	return ""
}
