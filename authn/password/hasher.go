package password

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/sallyport-auth/sallyport/authn/password/internal/foreign"
)

// ErrUnknownFormat says that a stored hash is in no format that Verify knows, is malformed, or asks for more work than any hash may.
// The person at the door must be answered as for a wrong password; the operator must be told.
var ErrUnknownFormat = errors.New("unknown or unacceptable format of the stored hash")

// DefaultQueue is how many callers wait for a slot if nothing else is set.
const DefaultQueue = 200

// A Hasher hashes and verifies passwords, a few at a time. The zero value is ready to use with the defaults. A Hasher must not be
// copied or changed after its first use; it is safe for concurrent use. One process needs one: two would use twice the memory.
type Hasher struct {
	// Params are the costs of new hashes and of the work done for nobody.
	Params Params
	// Slots is how many passwords are hashed at a time: if zero or less, GOMAXPROCS at the first use. Each takes Params.Memory, plus about
	// as much that the garbage collector has not taken back yet.
	Slots int
	// Queue is how many callers wait for a slot: if zero, 200; if negative, none. Beyond it callers get a [BusyError].
	Queue int

	once sync.Once
	pool *pool
}

// A Result is the outcome of a verification. The zero value is "no".
type Result struct {
	// Match says that the password is the right one.
	Match bool
	// Rehash says that the stored hash should be replaced with a new [Hasher.Hash] of the same password: it is bcrypt, or some
	// parameter has been raised since. Only ever true together with Match.
	Rehash bool
}

// Hash returns a new hash of password, an argon2id string in the PHC format. It asks no policy, see [Policy.Check], but what can
// never be verified is a [WeakError]: an empty or over-long password, NUL, invalid UTF-8. The other errors are [BusyError], the error of ctx if it
// ends while waiting, and that of [Params.Validate].
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	params, err := h.params()
	if err != nil {
		return "", err
	}
	normal, err := normalize(password)
	if err != nil {
		return "", err
	}
	if normal == "" {
		return "", &WeakError{Reason: TooShort, Limit: 1}
	}
	var hash argon2idHash
	if err := h.slots().do(ctx, "", func() { hash = newArgon2id(params, normal) }); err != nil {
		return "", err
	}
	return hash.String(), nil
}

// Verify compares password with a stored hash, which is empty if there is no such user or the user has no password. Unless it
// returns an error other than [ErrUnknownFormat] it has done the work of a hash: see "Equal work" above. So a sign-in must call it in
// every case, and needs to do nothing else.
//
// Errors, all with the zero Result: [ErrUnknownFormat], after the work is done; [BusyError]; the error of ctx if it ends while waiting; that of
// [Params.Validate]. No error text contains anything of the hash or the password.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (Result, error) {
	return h.VerifyFrom(ctx, "", stored, password)
}

// VerifyFrom is [Hasher.Verify] for a caller on a device that has signed in to this account before; "" is a stranger. Those wait in a
// queue of their own, so that strangers who fill theirs do not keep the owner out.
func (h *Hasher) VerifyFrom(ctx context.Context, device, stored, password string) (Result, error) {
	params, err := h.params()
	if err != nil {
		return Result{}, err
	}
	var target verifiable = decoy(params)
	known, formatErr := parse(stored)
	if known != nil {
		target = known
	}
	var match bool
	if err := h.slots().do(ctx, device, func() { match = target.matches(password) }); err != nil {
		return Result{}, err
	}
	if formatErr != nil {
		return Result{}, formatErr
	}
	if !match || known == nil {
		return Result{}, nil
	}
	return Result{Match: true, Rehash: known.outdated(params)}, nil
}

func (h *Hasher) params() (Params, error) {
	if err := h.Params.Validate(); err != nil {
		return Params{}, err
	}
	return h.Params.withDefaults(), nil
}

// slots returns the pool. It is made at the first use, so that a literal is enough to make a Hasher.
func (h *Hasher) slots() *pool {
	h.once.Do(func() {
		slots, queue := h.Slots, h.Queue
		if slots <= 0 {
			slots = runtime.GOMAXPROCS(0)
		}
		if queue == 0 {
			queue = DefaultQueue
		}
		h.pool = newPool(slots, max(queue, 0))
	})
	return h.pool
}

// Format returns the name of the format of a stored hash, which [Hasher.Verify] can verify, such as "bcrypt". The error is
// [ErrUnknownFormat] to errors.Is and says what is wrong: for instance that the hash would take gigabytes, or minutes.
func Format(stored string) (string, error) {
	if stored == "" {
		return "", ErrUnknownFormat
	}
	v, err := parse(stored)
	if err != nil {
		return "", err
	}
	return v.format(), nil
}

// A verifiable is a stored hash of one of the formats.
type verifiable interface {
	// matches does the whole work of the hash for every password, and is false for those that cannot be right.
	matches(password string) bool
	outdated(current Params) bool
	format() string
}

// parse returns nil, nil for no hash. Its error is [ErrUnknownFormat] to errors.Is.
func parse(stored string) (verifiable, error) {
	var v verifiable
	var err error
	switch stored = foreign.Unwrap(stored); {
	case stored == "":
		return nil, nil
	case strings.HasPrefix(stored, "$argon2id$"):
		v, err = parseArgon2id(stored)
	case strings.HasPrefix(stored, "$2"):
		v, err = parseBcrypt(stored)
	default:
		v, err = parseForeign(stored)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	return v, nil
}
