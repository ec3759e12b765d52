package memory

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/account"
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
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
	"github.com/sallyport-auth/sallyport/store"
)

// A state is all that a store holds. Copying it is copying some 30 words: trees
// share what they have in common, and what they point to never changes.
type state struct {
	users      tree[*account.User]
	byUsername tree[string]
	leaving    expiry // by the time of deletion
	byEmail    index  // members are the rank of email, then the id
	passwords  tree[string]
	breached   tree[struct{}] // users whose password is known

	sessions          tree[*session.Session]
	byTokenHash       tree[string]
	sessionsBySubject index
	sessionExpiry     expiry

	families          tree[*family]
	familiesBySession index
	familiesByGrant   index
	familiesBySubject index
	familyExpiry      expiry

	keys       tree[*apikey.Key]
	keysByUser index
	keyExpiry  expiry

	passkeys            tree[*passkey.Passkey]
	passkeyByCredential tree[string]
	passkeysByUser      index

	roles     tree[*authz.Role]
	assigned  index // by subject; members are pairs of organization and role
	holders   index // by role; members are pairs of organization and subject
	signing   tree[*token.StoredKey]
	failures  tree[*failure]
	failureBy expiry

	grants        tree[*authz.Grant] // by the key of grantKey, each with one permission
	grantsOf      index              // by grantee; members are resource and permission
	grantExpiry   expiry
	versions      tree[*authz.Version] // by number
	decisions     tree[*decision]
	decisionOrder expiry // by the time when they were made

	organizations    tree[*org.Organization]
	bySlug           tree[string]
	members          tree[*org.Member] // by pair of organization and user
	organizationsOf  index             // by user
	invitations      tree[*org.Invitation]
	byInvitationHash tree[string]
	invitationsTo    index // by organization
	invitationExpiry expiry

	certificates      tree[*clientcert.Mapping]
	certificateByName tree[string]
	certificatesOf    index // by owner
	certificateExpiry expiry

	devices       tree[*device.Device]
	deviceByHash  tree[string] // by hash, then user
	devicesOf     index        // by user
	deviceExpiry  expiry
	oneTime       tree[*onetime.Token]
	byOneTimeHash tree[string]
	oneTimeByUser index
	oneTimeExpiry expiry
	messages      tree[*outbox.Message]
	messageExpiry expiry
	factors       tree[*otp.Factor]
	factorsOf     index              // by user
	factorWaiting expiry             // by the time when they were made
	recovery      tree[tree[string]] // by user: HMACs, "used" or ""

	identities   tree[*account.Identity]
	bySubject    tree[string]    // by pair of issuer and subject
	identitiesOf index           // by user
	spent        tree[time.Time] // answers of providers, by hash: until when that is known
	spentExpiry  expiry

	clients           tree[*oauth.Client]
	clientGrants      tree[*oauth.Grant]
	clientGrantByCode tree[string]
	clientGrantsOf    index // by user
	clientGrantExpiry expiry
	consents          tree[*oauth.Consent] // by pair of user and client
	resources         tree[*oauth.Resource]
	logos             tree[[]byte] // by client
	deviceCodes       tree[*oauth.DeviceCode]
	deviceCodeByHash  tree[string]
	deviceCodeByUser  tree[string] // by the HMAC of what people type
	deviceCodeExpiry  expiry
	introduced        tree[*oauth.Introduction] // by pair of session and client
	introducedUntil   expiry

	initialTokens      tree[*oauth.InitialToken]
	initialTokenByHash tree[string]
	initialTokenExpiry expiry

	imports       tree[*importer.Checkpoint]
	importUpdated expiry // by the time of the last change

	signals     tree[*ssf.Signal] // by number
	signalOrder expiry            // by the time when they happened; keys are numbers
	streams     tree[*ssf.Stream]

	audit       tree[*audit.Entry]
	log         tree[*revoke.Entry] // by number
	entryExpiry expiry
	head        revoke.Head
	secrets     tree[[]byte]
}

// A failure is what is remembered of a key, and how long.
type failure struct {
	limit.Failures
	until time.Time
}

// A family adds to token.Family which token the newest one came from. A family
// that ends is removed: it can never be used again, and why it ended is audited.
type family struct {
	token.Family
	parent int64 // noParent before the first rotation
}

const noParent = -1

func newState() *state {
	return &state{head: revoke.Head{Position: revoke.Position{Log: newLogID()}}}
}

func newLogID() string { return secret.NewID("log") }

// A tx is a transaction: its own copy of the state.
type tx struct {
	state
	readOnly bool
}

func bind(x *tx) account.Tx {
	return account.Tx{
		Users:       users{x},
		Credentials: credentials{x},
		Sessions:    sessions{x},
		Families:    families{x},
		APIKeys:     apiKeys{x},
		Passkeys:    passkeys{x},
		Roles:       roles{x},
		Grants:      grants{x},
		Versions:    versions{x},
		Decisions:   decisions{x},
		Keys:        signingKeys{x},
		Failures:    failures{x},
		Audit:       auditLog{x},
		OneTime:     oneTimeTokens{x},
		Log:         revocations{x},
		Secrets:     secrets{x},

		Organizations: organizations{x},
		Members:       members{x},
		Invitations:   invitations{x},

		Certificates: certificates{x},
		Devices:      devices{x},
		Outbox:       outboxMessages{x},
		Factors:      factors{x},
		Recovery:     recoveryCodes{x},
		Imports:      imports{x},

		Identities: identities{x},

		Clients:      clients{x},
		ClientGrants: clientGrants{x},
		Consents:     consents{x},
		DeviceCodes:  deviceCodes{x},
		Resources:    resources{x},
		Logos:        logos{x},
		Introduced:   introductions{x},

		InitialTokens: initialTokens{x},

		Signals: signals{x},
		Streams: streams{x},
	}
}

var (
	errReadOnly = errors.New("a View cannot write")
	errExists   = errors.New("already exists")
)

// write begins every write. It refuses what a database would refuse, so that a
// program which works with this store works with the others; and because no
// text holds NUL, NUL can separate the parts of a key.
func (x *tx) write(text ...string) error {
	if x.readOnly {
		return errReadOnly
	}
	for _, s := range text {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return store.ErrText
		}
	}
	return nil
}

// pair joins two texts into the member of an index.
func pair(first, second string) string { return first + "\x00" + second }

// second returns the other part of a pair.
func second(pair string) string { return pair[strings.IndexByte(pair, 0)+1:] }

// ms cuts a time to the precision that a database keeps.
func ms(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// number writes a number so that texts sort as numbers do.
func number(n int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63))
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
