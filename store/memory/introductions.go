package memory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type introductions struct{ *tx }

func (x introductions) Add(_ context.Context, session, client string, now time.Time) error {
	if err := x.write(client); err != nil {
		return fmt.Errorf("adding introduction: %w", err)
	}
	s, ok := x.state.sessions.get(session)
	if !ok {
		return oauth.ErrNoSession
	}
	if key := pair(session, client); !x.introduced.has(key) {
		i := oauth.Introduction{Session: session, Client: client, User: s.Subject, CreatedAt: ms(now), ExpiresAt: s.ExpiresAt}
		x.introduced.put(key, &i)
		x.introducedUntil.add(i.ExpiresAt, key)
	}
	return nil
}

func (x introductions) Take(_ context.Context, session string) (all []oauth.Introduction, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("taking introductions: %w", err)
	}
	prefix := pair(session, "")
	for key, i := range x.introduced.from(prefix) {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		all = append(all, *i)
	}
	for _, i := range all {
		x.remove(pair(i.Session, i.Client))
	}
	return all, nil
}

func (x introductions) TakeExpired(_ context.Context, now time.Time, limit int) (all []oauth.Introduction, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("taking introductions: %w", err)
	}
	for _, key := range x.introducedUntil.expired(now, limit) {
		i, _ := x.introduced.get(key)
		all = append(all, *i)
		x.remove(key)
	}
	return all, nil
}

func (x introductions) ExpireAll(_ context.Context, now time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("expiring introductions: %w", err)
	}
	var live []oauth.Introduction
	for _, i := range x.introduced.from("") {
		if i.ExpiresAt.After(ms(now)) {
			live = append(live, *i)
		}
	}
	for _, i := range live {
		key := pair(i.Session, i.Client)
		x.remove(key)
		i.ExpiresAt = ms(now)
		x.introduced.put(key, &i)
		x.introducedUntil.add(i.ExpiresAt, key)
	}
	return nil
}

func (x introductions) remove(key string) {
	i, ok := x.introduced.get(key)
	if !ok {
		return
	}
	x.introduced.remove(key)
	x.introducedUntil.drop(i.ExpiresAt, key)
}
