package server_test

import (
	"strings"
	"testing"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"

// signsIn signs in by the page's way, with a cookie, and returns what it answers.
func (c *caller) signsIn(name, password string) (f firstStep) {
	c.h.Helper()
	c.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+password+`","mode":"cookie"}`).want(200).into(&f)
	return f
}

// answers the second step with a recovery code, and asks for trust or not.
func (c *caller) answers(ticket, code, trust string) {
	c.h.Helper()
	c.do("POST", "/auth/mfa", `{"ticket":"`+ticket+`","method":"recovery","code":"`+code+`","trust_device":`+trust+`}`).want(200)
}

type shownDevice struct {
	ID, Device   string
	TrustedUntil *string `json:"trusted_until"`
	Current      bool
}

// here is the device that the caller is on, as its owner sees it.
func (c *caller) here() (here shownDevice) {
	c.h.Helper()
	var list struct{ Items []shownDevice }
	c.do("GET", "/auth/devices").want(200).into(&list)
	for _, d := range list.Items {
		if d.Current {
			here = d
		}
	}
	if here.ID == "" {
		c.h.Fatalf("none is current: %+v", list.Items)
	}
	return here
}

// A device is trusted if its owner asks for that while they show the second factor, is
// listed, and is trusted until they forget it or a password is reset.
func TestATrustedDevice(t *testing.T) {
	h := open(t)
	to := h.proved("ann")
	_, codes := h.again("ann").app()
	laptop := h.nobody().with("User-Agent", firefox)
	trust := func(code, want string) {
		t.Helper()
		step := laptop.signsIn("ann", pass)
		if step.Status != "mfa_required" {
			t.Fatalf("not asked: %+v", step)
		}
		laptop.answers(step.Ticket, code, want)
	}

	trust(codes[0], "false")
	if laptop.here().TrustedUntil != nil {
		t.Error("it is trusted, and nobody asked for that")
	}
	trust(codes[1], "true")
	if d := laptop.here(); d.TrustedUntil == nil || d.Device != "Firefox on Linux" {
		t.Errorf("%+v", d)
	}
	laptop.do("POST", "/auth/logout").want(204)
	if step := laptop.signsIn("ann", pass); step.Status != "signed_in" {
		t.Errorf("asked on a trusted device: %+v", step)
	}
	if me := laptop.do("GET", "/auth/me").want(200).body; !strings.Contains(me, `"amr":["pwd"],"aal":1`) {
		t.Errorf("a device that is trusted is no factor: %s", me)
	}
	if step := h.nobody().with("User-Agent", firefox).signsIn("ann", pass); step.Status != "mfa_required" {
		t.Errorf("another device like it is trusted: %+v", step)
	}
	if step := h.nobody().firstStep("ann"); step.Status != "mfa_required" {
		t.Errorf("a program is trusted: %+v", step)
	}

	laptop.do("DELETE", "/auth/devices/"+laptop.here().ID).want(204)
	trust(codes[2], "true")
	if step := laptop.signsIn("ann", pass); step.Status != "signed_in" {
		t.Errorf("trusted again: %+v", step)
	}
	h.nobody().do("POST", "/auth/password/forgot", `{"identifier":"ann"}`).want(202)
	token, _ := h.mail(to, "reset")
	const next = "a lighthouse made of cork"
	h.nobody().do("POST", "/auth/password/reset", `{"token":"`+token+`","new_password":"`+next+`"}`).want(204)
	if step := laptop.signsIn("ann", next); step.Status != "mfa_required" {
		t.Errorf("after a reset: %+v", step)
	}
}

// The owner of an account is told of a device that was not used before: when, which and
// from where, in their language. A second sign-in on it is no news.
func TestTheNoticeOfANewDevice(t *testing.T) {
	h := open(t)
	to := h.proved("ann")
	phone := h.nobody().with("User-Agent", firefox)
	phone.signsIn("ann", pass)
	_, m := h.mail(to, "new_device")
	for _, part := range []string{"Firefox on Linux", "127.0.0.1", "House", "If that was not you, change your password", " UTC"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("it does not say %q: %s", part, m.Text)
		}
	}
	if m.Subject != "New sign-in · House" || m.Lang != "en" {
		t.Errorf("%+v", m)
	}
	phone.do("POST", "/auth/profile", `{"display_name":"","locale":"de"}`).want(204)
	phone.signsIn("ann", pass)
	if n := len(h.mails(to)); n != 1 {
		t.Errorf("%d mails after a second sign-in", n)
	}
	h.nobody().with("User-Agent", "Sneaky/1.0 <b>").signsIn("ann", pass)
	_, m = h.mail(to, "new_device")
	if m.Lang != "de" || m.Subject != "Neue Anmeldung · House" || !strings.Contains(m.Text, "Sneaky/1.0") {
		t.Errorf("%+v", m)
	}
}

// Strangers use up what a name may fail, and its owner signs in on the device that is
// known; the limits of that device are its own.
func TestAKnownDeviceHasItsOwnBudgetByHTTP(t *testing.T) {
	h := open(t)
	h.proved("ann")
	known := h.nobody()
	known.signsIn("ann", pass)
	guess := func(c *caller) *answer { return c.do("POST", "/auth/login", `{"username":"ann","password":"wrong"}`) }
	for range 5 {
		guess(h.nobody()).want(401, "invalid_credentials")
	}
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(429, "rate_limited")
	if step := known.signsIn("ann", pass); step.Status != "signed_in" {
		t.Errorf("%+v", step)
	}
	for range 5 {
		guess(known).want(401, "invalid_credentials")
	}
	guess(known).want(429, "rate_limited")
}
