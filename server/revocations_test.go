package server_test

import (
	"strings"
	"testing"
)

// Who may read the feed: a key of somebody with the permission, whose scope has it.
func TestWhoMayReadTheFeed(t *testing.T) {
	h := open(t)
	boss := h.admin()
	ann := h.browser("ann")
	service := boss.narrowed("revocation:read")
	service.do("GET", "/auth/revocations").want(200)
	h.nobody().do("GET", "/auth/revocations").want(401, "unauthenticated")
	boss.do("GET", "/auth/revocations").want(401) // by a cookie: no page of another site may read it
	boss.narrowed("user:read").do("GET", "/auth/revocations").want(403, "insufficient_scope")
	ann.narrowed("revocation:read").do("GET", "/auth/revocations").want(403, "forbidden")
	ann.narrowed("revocation:read").do("GET", "/auth/revocations?cursor=garbage").want(403, "forbidden") // before it is looked at
	service.do("GET", "/auth/revocations?cursor="+strings.Repeat("c", 100<<10)).want(400, "invalid_request")
}

// driveRevocations lets the feed give its answers.
func driveRevocations(h *house, boss *caller) {
	h.Helper()
	service := boss.narrowed("revocation:read")
	a := service.do("GET", "/auth/revocations").want(200)
	if !strings.Contains(a.body, "event: hello") {
		h.Errorf("it begins with %q", a.body)
	}
	service.do("HEAD", "/auth/revocations").want(200)
	service.do("GET", "/auth/revocations").want(200) // also on a connection that had a HEAD
	service.do("GET", "/auth/revocations?cursor=garbage").want(400, "invalid_request")
	service.with("Last-Event-ID", "another.7.nonce").do("GET", "/auth/revocations").want(200)
	service.with("Last-Event-ID", "garbage").do("GET", "/auth/revocations").want(400, "invalid_request")
	boss.narrowed("user:read").do("GET", "/auth/revocations").want(403, "insufficient_scope")
	h.browser("lea").narrowed("revocation:read").do("GET", "/auth/revocations").want(403, "forbidden")
	h.nobody().do("GET", "/auth/revocations").want(401, "unauthenticated")
}
