package web

import "time"

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

// An Account is what the account page shows.
type Account struct {
	Username string
	Email    string
	Roles    []string
	Sessions []Session

	Organizations []Organization // that the person is a member of

	OfferPasskey bool // a first one, where the browser can make one
}

// An Organization is one line of the account page.
type Organization struct {
	ID      string
	Name    string
	Current bool // the session acts in it
}

// A Session is one line of the account page.
type Session struct {
	Device   string
	Address  string
	LastSeen time.Time
	Current  bool
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
	TrustFor string   // days for which the device can be trusted; "" = it cannot
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
}
