package cedar

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"github.com/sallyport-auth/sallyport"
)

// uid returns a reference to an entity in our words.
func uid(u types.EntityUID) sallyport.UID {
	return sallyport.UID{Type: string(u.Type), ID: string(u.ID)}
}

// value returns a value in our words.
func value(v types.Value) sallyport.Value {
	switch v := v.(type) {
	case types.Boolean:
		return sallyport.BoolValue(bool(v))
	case types.Long:
		return sallyport.IntValue(int64(v))
	case types.String:
		return sallyport.StringValue(string(v))
	case types.EntityUID:
		return sallyport.EntityValue(uid(v))
	case types.Datetime:
		return sallyport.TimeMillis(v.Milliseconds())
	case types.Duration:
		return sallyport.DurationMillis(v.ToMilliseconds())
	case types.Decimal:
		return sallyport.DecimalValue(tenThousandths(v))
	case types.IPAddr:
		p := netip.Prefix(v)
		return sallyport.IPValue(&p)
	case types.Set:
		elements := make([]sallyport.Value, 0, v.Len())
		for e := range v.All() {
			elements = append(elements, value(e))
		}
		return sallyport.SetValue(elements...)
	case types.Record:
		return sallyport.RecordValue(fields(v))
	default:
		return sallyport.AbsentValue()
	}
}

func fields(r types.Record) map[string]sallyport.Value {
	found := make(map[string]sallyport.Value, r.Len())
	for name, v := range r.All() {
		found[string(name)] = value(v)
	}
	return found
}

// tenThousandths reads a decimal from its text, "-12.5", which is all that
// cedar-go tells of it without rounding.
func tenThousandths(d types.Decimal) int64 {
	whole, part, _ := strings.Cut(d.String(), ".")
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", 4-len(part)), 10, 64)
	if err != nil {
		panic("cedar: not a decimal: " + d.String())
	}
	return n
}

// coerce reads a value of JSON as its type says: {"type":…, "id":…} is a
// reference where an entity is expected, text is an address, a decimal, a moment
// or a time span where one is expected. What does not fit stays as it is.
func coerce(v types.Value, t resolved.IsType) types.Value {
	switch t := t.(type) {
	case resolved.EntityType:
		if r, ok := v.(types.Record); ok {
			return reference(r)
		}
	case resolved.ExtensionType:
		if s, ok := v.(types.String); ok {
			return extension(s, t)
		}
	case resolved.SetType:
		if s, ok := v.(types.Set); ok {
			elements := make([]types.Value, 0, s.Len())
			for e := range s.All() {
				elements = append(elements, coerce(e, t.Element))
			}
			return types.NewSet(elements...)
		}
	case resolved.RecordType:
		if r, ok := v.(types.Record); ok {
			return coerceRecord(r, t)
		}
	}
	return v
}

func coerceRecord(r types.Record, t resolved.RecordType) types.Record {
	m := r.Map()
	for name, v := range m {
		if a, ok := t[name]; ok {
			m[name] = coerce(v, a.Type)
		}
	}
	return types.NewRecord(m)
}

// reference reads {"type":…, "id":…}, also within {"__entity":…}.
func reference(r types.Record) types.Value {
	named := r
	if inner, ok := r.Get("__entity"); ok {
		if named, ok = inner.(types.Record); !ok {
			return r
		}
	}
	typ, _ := named.Get("type")
	id, _ := named.Get("id")
	t, isType := typ.(types.String)
	i, isID := id.(types.String)
	if !isType || !isID {
		return r
	}
	if _, err := types.NewEntityType(string(t)); err != nil {
		return r
	}
	return types.NewEntityUID(types.EntityType(t), i)
}

func extension(s types.String, t resolved.ExtensionType) types.Value {
	var v types.Value
	var err error
	switch t {
	case "ipaddr":
		v, err = types.ParseIPAddr(string(s))
	case "decimal":
		v, err = types.ParseDecimal(string(s))
	case "datetime":
		v, err = types.ParseDatetime(string(s))
	case "duration":
		v, err = types.ParseDuration(string(s))
	default:
		return s
	}
	if err != nil {
		return s
	}
	return v
}
