package cedar

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"github.com/sallyport-auth/sallyport"
)

// describe returns the types of entity of a schema by name, those that typed has
// from there.
func describe(r *resolved.Schema, typed []sallyport.AnyType) []sallyport.AnyType {
	found := slices.Clone(typed)
	has := func(name types.EntityType) bool {
		return slices.ContainsFunc(typed, func(t sallyport.AnyType) bool { return t.Name() == string(name) })
	}
	for name, e := range r.Entities {
		if has(name) {
			continue
		}
		attrs := make([]sallyport.Attribute, 0, len(e.Shape))
		for _, attr := range sorted(e.Shape) {
			attrs = append(attrs, attribute(r, string(attr), e.Shape[attr], e.ParentTypes))
		}
		found = append(found, sallyport.NewType(string(name), attrs...))
	}
	for name := range r.Enums {
		if !has(name) {
			found = append(found, sallyport.NewType(string(name)))
		}
	}
	slices.SortFunc(found, func(a, b sallyport.AnyType) int { return strings.Compare(a.Name(), b.Name()) })
	return found
}

// attribute describes an attribute of an entity that can be in parents.
func attribute(r *resolved.Schema, name string, a resolved.Attribute, parents []types.EntityType) sallyport.Attribute {
	kind, entity := kindOf(a.Type)
	found := sallyport.Attribute{Name: name, Kind: kind, Entity: entity, Optional: a.Optional, Nullable: a.Optional}
	switch kind {
	case sallyport.KindSet:
		found.Element, found.Entity = kindOf(a.Type.(resolved.SetType).Element)
	case sallyport.KindIP, sallyport.KindRecord:
	case sallyport.KindEntity:
		found.Parent = slices.Contains(parents, types.EntityType(entity))
		found.Top = found.Parent && len(r.Entities[types.EntityType(entity)].ParentTypes) == 0
		found.Column = name
	default:
		found.Column = name
	}
	return found
}

// kindOf returns what a value of a type holds, and which entity it refers to.
func kindOf(t resolved.IsType) (kind sallyport.ValueKind, entity string) {
	switch t := t.(type) {
	case resolved.BoolType:
		return sallyport.KindBool, ""
	case resolved.LongType:
		return sallyport.KindInt, ""
	case resolved.StringType:
		return sallyport.KindString, ""
	case resolved.EntityType:
		return sallyport.KindEntity, string(t)
	case resolved.SetType:
		return sallyport.KindSet, ""
	case resolved.RecordType:
		return sallyport.KindRecord, ""
	case resolved.ExtensionType:
		return map[resolved.ExtensionType]sallyport.ValueKind{
			"datetime": sallyport.KindTime, "duration": sallyport.KindDuration,
			"decimal": sallyport.KindDecimal, "ipaddr": sallyport.KindIP,
		}[t], ""
	default:
		return sallyport.NotLoaded, ""
	}
}
