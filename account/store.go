package account

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A Store is where accounts live: one of the back ends below store. It is safe
// for concurrent use.
type Store interface {
	// View runs f in a transaction that sees what is committed, and waits for no
	// Update. A write in it fails. It returns f's error unchanged.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f in a transaction that commits if f returns nil, and otherwise
	// changes nothing. It returns f's error unchanged. f may run more than once,
	// when the database asks for a retry, so it must have no effect beside Tx. A
	// panic in f changes nothing either, and reaches the caller. A ctx that ends
	// while f waits for its turn or for a lock ends the wait; once f has run, a
	// cancelled ctx does not undo the commit, nor that of others.
	Update(ctx context.Context, f func(Tx) error) error
	// Sweep deletes up to limit expired rows of each kind and returns how many it
	// deleted; 0 means that nothing is left to sweep. Kinds: sessions at their
	// absolute end, refresh families, API keys, failures, invitations, grants,
	// one-time tokens, mappings of certificates, devices,
	// factors that wait for their first code after otp.PendingLife,
	// used answers, grants to clients, device codes, initial access tokens (introductions are taken when they expire),
	// decisions after authz.DecisionRetention, messages outbox.Retention after they
	// expired, imports importer.Retention after their last change, signals after
	// ssf.Retention unless a stream that is not disabled waits for them, entries of the log.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
	// Ping reports whether the store can be read.
	Ping(ctx context.Context) error
	// Close waits for what is under way and frees the store. What begins later
	// fails with store.ErrClosed; to close again does nothing.
	Close() error
}

// A Tx is one small store per feature, all bound to one transaction. Lock order,
// for every transaction: the user's row, the organization's, refresh families,
// sessions, roles by name, the rest, the log's counter row, and then only rows
// already held: the user's killed_seq, and the sessions that go on after a password
// change; and new signals, for which nobody can wait. Families and sessions of several sessions at once are for who holds the
// user's row.
//
// An error that a contract names, such as ErrNotFound or ErrTaken, is an answer:
// the transaction goes on. So is store.ErrText, with which every write refuses
// text that holds NUL or is not UTF-8; a look-up by such text finds nothing.
// After any other error f must return one. What a method is given and what it
// returns belongs to the caller, who may change it.
type Tx struct {
	Users       Users
	Credentials Credentials
	Sessions    session.Store
	Families    token.Families
	APIKeys     apikey.Store
	Passkeys    passkey.Store
	Roles       authz.Store
	Grants      authz.GrantStore
	Versions    authz.VersionStore
	Decisions   authz.DecisionStore
	Keys        token.KeyStore
	Failures    limit.Store
	Audit       audit.Log
	OneTime     onetime.Store
	Log         revoke.Log
	Secrets     Secrets

	Organizations org.Store
	Members       org.Members
	Invitations   org.Invitations

	Certificates clientcert.Store
	Devices      device.Store
	Outbox       outbox.Store
	Factors      otp.Factors
	Recovery     otp.RecoveryCodes

	Identities Identities

	Clients      oauth.Clients
	ClientGrants oauth.Grants
	Consents     oauth.Consents
	DeviceCodes  oauth.DeviceCodes
	Resources    oauth.Resources
	Logos        oauth.Logos
	Introduced   oauth.Introductions

	InitialTokens oauth.InitialTokens

	Imports importer.Checkpoints

	Signals ssf.Signals
	Streams ssf.Streams
}

// Status says whether an account may be used.
type Status string

// The statuses.
const (
	Active   Status = "active"
	Disabled Status = "disabled"
)

// A User is an account of a person. Times have millisecond precision.
type User struct {
	ID            string // "usr_…", the subject of everything the user does
	Username      string // as typed; "" = none
	UsernameNorm  string // folded, unique; "" = none
	Email         string // as typed; "" = none
	EmailNorm     string // folded; unique only among verified ones
	EmailVerified bool
	Status        Status
	Plan          string // in words of the embedding program; "" = none
	KilledSeq     int64  // log position of the last event that ended what had begun before it

	DisplayName   string
	Locale        string // BCP 47, such as "de"; "" = what the browser asks for
	Phone         string // E.164, such as "+4930123456"; "" = none
	PhoneVerified bool
	DeleteAt      time.Time // when the account will be deleted; zero = it will not

	CreatedAt time.Time
	UpdatedAt time.Time
}

// A UserFilter selects users. Empty fields select all; no Limit is no limit.
type UserFilter struct {
	Prefix string // of id, folded name or folded address, taken literally
	Status Status
	After  string // users with a greater id: the cursor
	Limit  int
}

// ErrNotFound means that there is no such user; ErrTaken that the name, or the
// verified address, is somebody else's.
var (
	ErrNotFound = errors.New("no such user")
	ErrTaken    = errors.New("user name is taken")
)

// Users keeps accounts within one transaction.
type Users interface {
	Create(ctx context.Context, u User) error // ErrTaken
	ByID(ctx context.Context, id string) (User, error)
	ByUsername(ctx context.Context, norm string) (User, error)
	// ByEmail returns every user with that address, the verified one first.
	ByEmail(ctx context.Context, norm string) ([]User, error)
	// Lock returns the user and keeps other transactions from the row until this
	// one ends. Whatever creates or ends a credential of the user locks first.
	Lock(ctx context.Context, id string) (User, error)
	SetStatus(ctx context.Context, id string, s Status, now time.Time) error
	SetPlan(ctx context.Context, id, plan string, now time.Time) error
	// SetProfile writes what people change of themselves: address, phone, name,
	// language, and when the account will be deleted, with u.UpdatedAt. The row is held
	// by this transaction. ErrTaken if the address is verified and somebody else's.
	SetProfile(ctx context.Context, u User) error
	// Leaving returns up to limit users whose time of deletion has come.
	Leaving(ctx context.Context, now time.Time, limit int) ([]User, error)
	// SetKilledSeq moves the position on; it never moves it back.
	SetKilledSeq(ctx context.Context, id string, seq int64) error
	// Delete removes the user and the user's credentials, not what other stores hold.
	Delete(ctx context.Context, id string) error
	// List returns users in order of id.
	List(ctx context.Context, f UserFilter) ([]User, error)
	// Any reports whether there is any user.
	Any(ctx context.Context) (bool, error)
}

// Credentials keeps password hashes within one transaction.
type Credentials interface {
	// Password returns the user's PHC string, "" if there is none.
	Password(ctx context.Context, user string) (string, error)
	SetPassword(ctx context.Context, user, phc string, now time.Time) error
	// ReplacePassword sets the hash only if it still is old, so that a rehash at
	// sign-in never undoes a password change that ran beside it.
	ReplacePassword(ctx context.Context, user, old, phc string, now time.Time) (bool, error)
	// MarkBreached notes that the password is known from a breach, if its hash still is
	// phc, and reports whether that is news. SetPassword takes the mark away;
	// ReplacePassword, which is of the same password, does not.
	MarkBreached(ctx context.Context, user, phc string, now time.Time) (bool, error)
	// Breached reports whether the password is marked so.
	Breached(ctx context.Context, user string) (bool, error)
}

// Secrets keeps what the installation must find again at the next start, such as
// the proof that its sealing key is the right one.
type Secrets interface {
	// Get returns nil if there is nothing of that name.
	Get(ctx context.Context, name string) ([]byte, error)
	// Create sets the value if the name is new, and returns the one in force. Either
	// way it keeps other transactions from creating that name until this one ends.
	Create(ctx context.Context, name string, value []byte) ([]byte, error)
}
