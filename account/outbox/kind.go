package outbox

import "time"

// A Kind is what a message is for. Its words are in server/messages, but for those of
// SessionEnded, which server/backchannel writes.
type Kind string

// The kinds, with what each needs in [Letter.Data].
const (
	Verify       Kind = "verify"        // link, code: confirm the address
	EmailChange  Kind = "email_change"  // link, code: confirm the new address
	EmailChanged Kind = "email_changed" // link, email: to the old address, with the way back
	Reset        Kind = "reset"         // link, code: set a new password
	Link         Kind = "link"          // link, code: sign in
	Registered   Kind = "registered"    // link: somebody tried to register with your address

	WasReset        Kind = "was_reset"         // the password was reset
	PasswordChanged Kind = "password_changed"  //
	Breached        Kind = "password_breached" // the password is known from a breach
	NewDevice       Kind = "new_device"        // device, address: who signed in from where
	FactorAdded     Kind = "factor_added"      // factor: its name
	FactorRemoved   Kind = "factor_removed"    // factor: its name
	FactorsReset    Kind = "factors_reset"     // an administrator removed all of them
	RecoveryMade    Kind = "recovery_made"     // new recovery codes
	RecoveryUsed    Kind = "recovery_used"     // left: how many recovery codes are left
	DeletionPlanned Kind = "deletion_planned"  // date, link: when the account goes, and where to keep it
	CodeByEmail     Kind = "code_email"        // code: second factor
	CodeBySMS       Kind = "code_sms"          // code, host: second factor, as a text message

	SessionEnded Kind = "session_ended" // session: to a client that knew of it
)

// Kinds are all that people read.
var Kinds = []Kind{
	Verify, EmailChange, EmailChanged, Reset, Link, Registered, WasReset, PasswordChanged, Breached, NewDevice, FactorAdded, FactorRemoved,
	FactorsReset, RecoveryMade, RecoveryUsed,
	DeletionPlanned, CodeByEmail, CodeBySMS,
}

// Channel returns how messages of the kind go out.
func (k Kind) Channel() Channel {
	switch k {
	case CodeBySMS:
		return SMS
	case SessionEnded:
		return Clients
	}
	return Email
}

// CodeLifetime is how long what a message lets somebody do once stays possible.
const CodeLifetime = 10 * time.Minute

// lifetime is how long it makes sense to send it: what holds a code is worth
// nothing later, and what tells of an event is.
func (k Kind) lifetime() time.Duration {
	switch k {
	case Verify, EmailChange, Reset, Link, CodeByEmail, CodeBySMS:
		return CodeLifetime
	case SessionEnded:
		return 24 * time.Hour // a night in which the client is down
	}
	return 7 * 24 * time.Hour
}
