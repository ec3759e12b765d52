package sallyport

import "context"

// Recheck asks both doors again about the request that passed this gate into ctx:
// for answers that go on for long, such as server-sent events and streams of gRPC,
// whose credential may be revoked, or whose principal may lose a role, before they
// end. It returns nil
// while the request would still pass, else what the doors would answer now; from
// then on nothing may be sent. An error is one that [Gate.Error] answers, 503 among
// them if nobody can tell.
//
// Door one is asked about the same credential, so that an access token which
// expires ends the answer too, and so does one that has come to stand for somebody
// else; who passed as anonymous stays that. Who passed a public door as somebody is
// refused once they no longer are, because ctx still says that they are. Door two
// is asked as the principal is now, about the object as the door loaded it:
// a changed object is the caller's to load and to [Gate.Check]. A door that is
// [Door.Fresh] refuses once the sign-in has become too old. Of gates that are
// nested in this one all the doors are asked, outermost first.
//
// It spends no quota, and a yes is not recorded again. It costs what the
// authenticator and the policy cost, which ours answer from memory. From outside
// every passage of this gate it returns [ErrNoCredential].
//
// Recheck may be called by several goroutines at once, also while the handler runs;
// neither the headers of the request nor the loaded object may be changed
// meanwhile.
func (g *Gate) Recheck(ctx context.Context) error {
	ps := passageFrom(ctx)
	for ps != nil && ps.gate != g {
		ps = ps.outer
	}
	if ps == nil {
		return ErrNoCredential
	}
	_, err := g.again(ctx, ps)
	return err
}

// again puts ps, and before it what is around it, through the doors of this gate.
// It returns who it is now; nil for what is not of this gate.
func (g *Gate) again(ctx context.Context, ps *passage) (now *Principal, err error) {
	if ps.outer != nil {
		if now, err = g.again(ctx, ps.outer); err != nil {
			return nil, err
		}
	}
	if ps.gate != g {
		return nil, nil
	}
	if !ps.inherits() {
		if now, err = g.whoNow(ctx, ps); err != nil {
			return nil, err
		}
	}
	ctx = ps.asNow(ctx, now)
	if ps.door.kind == may {
		if err := g.mayPass(ctx, ps, false); err != nil {
			return nil, err
		}
	}
	return now, ps.freshEnough(now)
}

// whoNow asks door one about the credential that ps was let in with.
func (g *Gate) whoNow(ctx context.Context, ps *passage) (*Principal, error) {
	then := ps.principal
	if then.Kind == Anonymous {
		return then, nil
	}
	c, err := g.offeredBy(ps)
	if err != nil {
		return nil, err
	}
	now, err := g.who(ctx, c)
	if err != nil {
		return nil, err
	}
	if now.Kind != then.Kind || now.Subject != then.Subject || now.Org != then.Org {
		return nil, invalidCredential("it has come to stand for somebody else")
	}
	return now, nil
}

// offeredBy returns what ps was let in with.
func (g *Gate) offeredBy(ps *passage) (Credential, error) {
	if ps.offered != nil {
		return *ps.offered, nil
	}
	return g.credential(ps.door, ps.request, ps.addr)
}

// asNow returns ctx with p in it. Authenticators share what they remember, so that
// it mostly is there already.
func (ps *passage) asNow(ctx context.Context, p *Principal) context.Context {
	if passageFrom(ctx) == ps && ps.principal == p {
		return ctx
	}
	return &passage{Context: ctx, principal: p, refused: ps.refused, addr: ps.addr, outer: passageFrom(ctx)}
}

// inherits reports whether door one was not asked about ps, because it is inside
// another passage of the same gate by a door that reads the same credentials.
func (ps *passage) inherits() bool {
	o := ps.outer
	return o != nil && ps.offered == nil && o.gate == ps.gate && o.door.noCookie == ps.door.noCookie
}
