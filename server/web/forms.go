package web

import (
	"html/template"
	"net/url"
	"strings"
	"time"
)

// A Form is what the sign-in, registration and set-up pages show: what was typed
// before, except passwords.
type Form struct {
	Identifier string
	Email      string
	ReturnTo   string
	SignedOut  bool
	StepUp     bool
	Closed     bool // nobody can register by themselves

	UnknownPasskey *UnknownPasskey // that was just tried
	EmailIsName    bool            // people register with an address alone
}

// An Organization is one line of the page of organizations.
type Organization struct {
	ID      string
	Name    string
	Current bool // the session acts in it
}

// An Invitation is what the page of an invitation shows.
type Invitation struct {
	Organization string // its name
	Role         string // "" = none
	ExpiresAt    time.Time
}

// A Factor is what the pages show that ask for a second factor, or to confirm who
// one is.
type Factor struct {
	Method   string   // that is asked for: "passkey", "totp", "recovery", "email", "sms", "password"
	Others   []string // that could be, in the order to offer them
	StepUp   bool     // it confirms within a session
	Strong   bool     // a stronger sign-in is asked for, not a fresher one
	ReturnTo string   // of a step-up; a ticket knows where it leads
	Sent     bool     // of a code in a message: one is on its way
	Again    int      // seconds until another can be asked for
	TrustFor string   // days for which the device can be trusted; "" = it cannot
}

// All are the methods in the order to offer them.
func (f Factor) All() []string { return append([]string{f.Method}, f.Others...) }

// ByMessage reports whether the code that is asked for comes in a message.
func (f Factor) ByMessage() bool { return f.Method == "email" || f.Method == "sms" }

// Email is what the pages of somebody's address show.
type Email struct {
	Address  string // that they have, or have typed
	Verified bool
}

// RecoveryCodes are what their page shows, once.
type RecoveryCodes struct {
	Codes []string
	Text  string       // all of them, for a file
	File  template.URL // the same
	Next  string       // path that the page leads to
}

// NewRecoveryCodes returns what the page "recovery" shows.
func NewRecoveryCodes(codes []string, next string) RecoveryCodes {
	text := strings.Join(codes, "\r\n") + "\r\n"
	return RecoveryCodes{codes, text, template.URL("data:text/plain;charset=utf-8," + url.PathEscape(text)), next}
}

// Mailed is what the pages show to which the links of messages lead, and those that
// ask for a message.
type Mailed struct {
	Identifier string
	Token      string // of the link; "" = the code is asked for
	Code       string
	Ticket     string // of a registration
	ReturnTo   string
	Password   bool // a password is asked for
	SignIn     bool // who opened the link must sign in first
	Again      int  // seconds after which another message may be asked for, of one that was just now; 0 = there was none
}
