package cedar

import (
	"encoding/json"
	"fmt"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// This file is the only one that knows cedar-go's syntax tree, which that module
// keeps free to change.

// translate fills in what a rule means: effect, scopes, actions, condition.
func translate(r *rule.Rule, p *cedar.Policy) (err error) {
	tree := (*ast.Policy)(p.AST())
	if tree.Effect == ast.EffectPermit {
		r.Effect = rule.Permit
	}
	r.Principal, r.Resource = scope(tree.Principal), scope(tree.Resource)
	r.Actions, r.Exact = actions(tree.Action)
	r.When, err = condition(tree.Conditions)
	return err
}

// validatePolicy returns what the validator has against a policy.
func validatePolicy(v *validate.Validator, p *cedar.Policy) error {
	return v.Policy("", (*ast.Policy)(p.AST()))
}

// scope returns the limit on principals or resources.
func scope(n ast.IsScopeNode) rule.Scope {
	switch n := n.(type) {
	case ast.ScopeTypeEq:
		return rule.Scope{Is: uid(n.Entity)}
	case ast.ScopeTypeIn:
		return rule.Scope{In: uid(n.Entity)}
	case ast.ScopeTypeIs:
		return rule.Scope{Type: string(n.Type)}
	case ast.ScopeTypeIsIn:
		return rule.Scope{Type: string(n.Type), In: uid(n.Entity)}
	default:
		return rule.Scope{}
	}
}

// actions returns the limit on actions, and whether it is "==".
func actions(n ast.IsActionScopeNode) (found []sallyport.UID, exact bool) {
	switch n := n.(type) {
	case ast.ScopeTypeEq:
		return []sallyport.UID{uid(n.Entity)}, true
	case ast.ScopeTypeIn:
		return []sallyport.UID{uid(n.Entity)}, false
	case ast.ScopeTypeInSet:
		found = make([]sallyport.UID, len(n.Entities))
		for i, e := range n.Entities {
			found[i] = uid(e)
		}
		return found, false
	default:
		return nil, false
	}
}

// condition joins the when and unless of a policy, all of which count, in their
// order.
func condition(clauses []ast.ConditionType) (*rule.Expr, error) {
	var all *rule.Expr
	for _, c := range clauses {
		e, err := expr(c.Body)
		if err != nil {
			return nil, err
		}
		if c.Condition == ast.ConditionUnless {
			e = made(rule.Not, e)
		}
		if all == nil {
			all = e
		} else {
			all = made(rule.And, all, e)
		}
	}
	return all, nil
}

func made(op rule.Op, args ...*rule.Expr) *rule.Expr { return &rule.Expr{Op: op, Args: args} }

// expr turns cedar-go's tree into ours. It follows the nesting of the text, which
// is bounded before.
func expr(n ast.IsNode) (*rule.Expr, error) {
	switch n := n.(type) {
	case ast.NodeValue:
		return &rule.Expr{Op: rule.Const, Value: value(n.Value)}, nil
	case ast.NodeTypeVariable:
		return variable(n)
	case ast.NodeTypeAccess:
		return named(rule.Attr, string(n.Value), n.Arg)
	case ast.NodeTypeHas:
		return named(rule.Has, string(n.Value), n.Arg)
	case ast.NodeTypeIs:
		return named(rule.Is, string(n.EntityType), n.Left)
	case ast.NodeTypeIsIn:
		return isIn(n)
	case ast.NodeTypeLike:
		return like(n)
	case ast.NodeTypeIfThenElse:
		return of(rule.If, n.If, n.Then, n.Else)
	case ast.NodeTypeSet:
		return of(rule.SetOf, n.Elements...)
	case ast.NodeTypeRecord:
		return record(n)
	case ast.NodeTypeExtensionCall:
		return named(rule.Call, string(n.Name), n.Args...)
	case ast.NodeTypeNot:
		return of(rule.Not, n.Arg)
	case ast.NodeTypeNegate:
		return of(rule.Neg, n.Arg)
	case ast.NodeTypeIsEmpty:
		return of(rule.IsEmpty, n.Arg)
	default:
		return binary(n)
	}
}

// binary is expr for operators with two arguments.
func binary(n ast.IsNode) (*rule.Expr, error) {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return of(rule.And, n.Left, n.Right)
	case ast.NodeTypeOr:
		return of(rule.Or, n.Left, n.Right)
	case ast.NodeTypeEquals:
		return of(rule.Equal, n.Left, n.Right)
	case ast.NodeTypeNotEquals:
		e, err := of(rule.Equal, n.Left, n.Right)
		return made(rule.Not, e), err
	case ast.NodeTypeLessThan:
		return of(rule.Less, n.Left, n.Right)
	case ast.NodeTypeLessThanOrEqual:
		return of(rule.LessEqual, n.Left, n.Right)
	case ast.NodeTypeGreaterThan:
		return of(rule.Less, n.Right, n.Left)
	case ast.NodeTypeGreaterThanOrEqual:
		return of(rule.LessEqual, n.Right, n.Left)
	case ast.NodeTypeIn:
		return of(rule.In, n.Left, n.Right)
	case ast.NodeTypeAdd:
		return of(rule.Add, n.Left, n.Right)
	case ast.NodeTypeSub:
		return of(rule.Sub, n.Left, n.Right)
	case ast.NodeTypeMult:
		return of(rule.Mul, n.Left, n.Right)
	case ast.NodeTypeContains:
		return of(rule.Contains, n.Left, n.Right)
	case ast.NodeTypeContainsAll:
		return of(rule.ContainsAll, n.Left, n.Right)
	case ast.NodeTypeContainsAny:
		return of(rule.ContainsAny, n.Left, n.Right)
	case ast.NodeTypeGetTag:
		return of(rule.Tag, n.Left, n.Right)
	case ast.NodeTypeHasTag:
		return of(rule.HasTag, n.Left, n.Right)
	default:
		return nil, fmt.Errorf("a construct that is not known here (%T)", n)
	}
}

// of returns op on what args become.
func of(op rule.Op, args ...ast.IsNode) (*rule.Expr, error) {
	e := &rule.Expr{Op: op, Args: make([]*rule.Expr, len(args))}
	for i, a := range args {
		arg, err := expr(a)
		if err != nil {
			return nil, err
		}
		e.Args[i] = arg
	}
	return e, nil
}

func named(op rule.Op, name string, args ...ast.IsNode) (*rule.Expr, error) {
	e, err := of(op, args...)
	if err != nil {
		return nil, err
	}
	e.Name = name
	return e, nil
}

// shared are the nodes that all rules share: conditions are full of them.
var shared = map[string]*rule.Expr{
	"principal": made(rule.Principal), "action": made(rule.Action),
	"resource": made(rule.Resource), "context": made(rule.Context),
}

func variable(n ast.NodeTypeVariable) (*rule.Expr, error) {
	if e := shared[string(n.Name)]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("the variable %q is not known here", n.Name)
}

// isIn is "x is T in y": first whether x is a T, then, only if it is one, whether
// it is in y.
func isIn(n ast.NodeTypeIsIn) (*rule.Expr, error) {
	is, err := expr(n.NodeTypeIs)
	if err != nil {
		return nil, err
	}
	above, err := expr(n.Entity)
	if err != nil {
		return nil, err
	}
	return made(rule.And, is, made(rule.In, is.Args[0], above)), nil
}

func record(n ast.NodeTypeRecord) (*rule.Expr, error) {
	e := &rule.Expr{Op: rule.RecordOf}
	for _, field := range n.Elements {
		v, err := expr(field.Value)
		if err != nil {
			return nil, err
		}
		e.Names, e.Args = append(e.Names, string(field.Key)), append(e.Args, v)
	}
	return e, nil
}

func like(n ast.NodeTypeLike) (*rule.Expr, error) {
	e, err := of(rule.Like, n.Arg)
	if err != nil {
		return nil, err
	}
	e.Pattern, err = pattern(n.Value)
	return e, err
}

// pattern reads a pattern from its JSON, which is all that cedar-go tells of it:
// "Wildcard" and {"Literal": …}.
func pattern(p types.Pattern) (rule.Pattern, error) {
	encoded, err := p.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var parts []any
	if err := json.Unmarshal(encoded, &parts); err != nil {
		return nil, err
	}
	pieces := rule.Pattern{""}
	for _, part := range parts {
		literal, ok := part.(map[string]any)
		if !ok {
			pieces = append(pieces, "")
			continue
		}
		s, _ := literal["Literal"].(string)
		pieces[len(pieces)-1] += s
	}
	return pieces, nil
}
