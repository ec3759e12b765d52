package password

import "context"

// Pool is the pool alone, so that tests decide how long its work takes.
type Pool struct{ p *pool }

func NewPool(slots, queue int) Pool { return Pool{newPool(slots, queue)} }

func (p Pool) Do(ctx context.Context, work func()) error { return p.p.do(ctx, "", work) }

func (p Pool) DoFrom(ctx context.Context, device string, work func()) error {
	return p.p.do(ctx, device, work)
}

// Parse is the parser alone, because hashes that it accepts may take seconds to verify. It returns the accepted hash as we would write it.
func Parse(stored string) (canonical string, params Params, err error) {
	v, err := parse(stored)
	switch v := v.(type) {
	case argon2idHash:
		return v.String(), v.params, err
	case bcryptHash:
		return string(v), Params{}, err
	case foreignHash:
		return stored, Params{}, err
	}
	return "", Params{}, err
}

var ParseRange = parseRange
