package password

import (
	"errors"
	"fmt"
)

// What Sallyport uses if nothing else is set: the second of the equivalent choices in OWASP's Password Storage Cheat Sheet.
const (
	DefaultMemory  = 19 * 1024 // KiB
	DefaultTime    = 2
	DefaultThreads = 1
)

// Bounds for every hash, ours or imported, so that a hostile hash in the database takes neither the memory nor the processor for long.
const (
	maxMemory  = 256 * 1024      // KiB
	maxWork    = 4 * 1024 * 1024 // KiB × passes: about a hundred times the default
	maxThreads = 16
)

// The weakest parameters that may be set: the ends of OWASP's list (7 MiB with five passes).
const (
	minMemory = 7 * 1024
	minWork   = 5 * minMemory
)

// Params are the costs of argon2id (RFC 9106 §3.1). The zero value means the defaults, and so does a zero in any field.
type Params struct {
	// Memory is in KiB: if zero, 19,456 (19 MiB); at most 262,144 (256 MiB).
	Memory uint32
	// Time is the number of passes over the memory: if zero, 2. Memory × Time may be at most 4 GiB.
	Time uint32
	// Threads is the degree of parallelism: if zero, 1; at most 16. One hash then keeps that many processors busy.
	Threads uint8
	// InsecureBelowMinimum accepts less than OWASP's minimum (Memory at least 7 MiB, Memory × Time at least 35 MiB), for tests that hash a lot.
	InsecureBelowMinimum bool
}

// Validate returns nil if p can be used, otherwise everything that is wrong with it.
func (p Params) Validate() error {
	p = p.withDefaults()
	errs := []error{p.inBounds()}
	if weak := p.Memory < minMemory || p.work() < minWork; weak && !p.InsecureBelowMinimum {
		errs = append(errs, fmt.Errorf("argon2id: m=%d,t=%d is weaker than m=%d,t=%d", p.Memory, p.Time, minMemory, minWork/minMemory))
	}
	return errors.Join(errs...)
}

func (p Params) withDefaults() Params {
	if p.Memory == 0 {
		p.Memory = DefaultMemory
	}
	if p.Time == 0 {
		p.Time = DefaultTime
	}
	if p.Threads == 0 {
		p.Threads = DefaultThreads
	}
	return p
}

// inBounds checks parameters without defaults, as they are written in a hash.
func (p Params) inBounds() error {
	var errs []error
	if p.Time < 1 {
		errs = append(errs, errors.New("argon2id: no passes"))
	}
	if p.Threads < 1 || p.Threads > maxThreads {
		errs = append(errs, fmt.Errorf("argon2id: %d threads, want 1 to %d", p.Threads, maxThreads))
	}
	if least := 8 * uint32(p.Threads); p.Memory < least || p.Memory > maxMemory {
		errs = append(errs, fmt.Errorf("argon2id: memory of %d KiB, want %d to %d", p.Memory, least, maxMemory))
	}
	if p.work() > maxWork {
		errs = append(errs, fmt.Errorf("argon2id: memory × passes of %d KiB, want at most %d", p.work(), maxWork))
	}
	return errors.Join(errs...)
}

func (p Params) work() uint64 { return uint64(p.Memory) * uint64(p.Time) }

// below reports whether any cost of p is less than that of q. Where q asks for less, the stronger hash stays: lowering a setting
// weakens no hash that exists.
func (p Params) below(q Params) bool {
	return p.Memory < q.Memory || p.Time < q.Time || p.Threads < q.Threads
}
