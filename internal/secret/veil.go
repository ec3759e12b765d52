package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
)

// A Veil makes of a secret a value by which this process, and no other, recognises it again: for the keys of caches, which lie in
// memory. That takes half as long as SHA-256 and allocates nothing. It is safe for concurrent use.
//
// Of(s) is F(H(s)). H is multilinear hashing: the words of s, and before them its length, each times a random factor of 119 bits,
// summed modulo the prime 2¹²⁷ − 1. Two secrets differ in a word, and whatever the other factors are, at most one value of its factor
// makes their sums equal: who does not know the factors finds a secret of the same value with probability 2⁻¹¹⁹ a try. Who reads our
// memory does know them, and easily finds a secret of a given sum. So the sum is not kept, but F(x) = AES(x) ⊕ x of it, which is one-way
// also for those who have the key of AES. See docs/decisions/0016-what-the-cache-of-tokens-keeps.md.
type Veil struct {
	factors [1 + VeilSize/8]factor
	aes     cipher.Block
	scratch sync.Pool // *[16]byte: what an interface is given cannot stay on the stack
}

// VeilSize is the length of the longest secret that can be veiled.
const VeilSize = 2 << 10

// Veiled stands for a secret of at least 128 random bits, and does not give it away.
type Veiled [16]byte

// A factor is below 2¹¹⁹, so that the sum of all its 257 products with words stays below 2¹⁹².
type factor struct{ low, high uint64 }

// NewVeil returns one with random factors and a random key.
func NewVeil() *Veil {
	v := &Veil{scratch: sync.Pool{New: func() any { return new([16]byte) }}}
	var random [16]byte
	for i := range v.factors {
		rand.Read(random[:])
		v.factors[i] = factor{binary.LittleEndian.Uint64(random[:]), binary.LittleEndian.Uint64(random[8:]) >> (128 - 119)}
	}
	rand.Read(random[:])
	v.aes, _ = aes.NewCipher(random[:]) // fails for other lengths only
	return v
}

// Of returns the value of a secret, which is at most VeilSize long.
func (v *Veil) Of(secret string) (out Veiled) {
	low, high := v.sum(secret)
	x := v.scratch.Get().(*[16]byte)
	binary.LittleEndian.PutUint64(x[:], low)
	binary.LittleEndian.PutUint64(x[8:], high)
	v.aes.Encrypt(x[:], x[:])
	binary.LittleEndian.PutUint64(out[:], binary.LittleEndian.Uint64(x[:])^low)
	binary.LittleEndian.PutUint64(out[8:], binary.LittleEndian.Uint64(x[8:])^high)
	*x = [16]byte{} // AES goes backwards, too
	v.scratch.Put(x)
	return out
}

// sum is H. What is left behind the last whole word is read as the last eight bytes, some of which were read before.
func (v *Veil) sum(secret string) (low, high uint64) {
	s := sum{}.plus(v.factors[0], uint64(len(secret)))
	if len(secret) < 8 {
		var all [8]byte
		copy(all[:], secret)
		return s.plus(v.factors[1], binary.LittleEndian.Uint64(all[:])).reduced()
	}
	last := secret[len(secret)-8:]
	factors := v.factors[1:]
	for ; len(secret) > 16; secret, factors = secret[16:], factors[2:] { // two words: a turn costs as much as a word does
		s = s.plus(factors[0], word(secret)).plus(factors[1], word(secret[8:]))
	}
	if len(secret) > 8 {
		s = s.plus(factors[0], word(secret))
		factors = factors[1:]
	}
	return s.plus(factors[0], word(last)).reduced()
}

func word(s string) uint64 { return binary.LittleEndian.Uint64([]byte(s[:8])) }

// A sum is a number of 192 bits.
type sum struct{ low, middle, high uint64 }

// plus returns s + f × word.
func (s sum) plus(f factor, word uint64) sum {
	over, low := bits.Mul64(f.low, word)
	high, middle := bits.Mul64(f.high, word)
	middle, carry := bits.Add64(middle, over, 0)
	high += carry // high is below 2⁵⁵
	s.low, carry = bits.Add64(s.low, low, 0)
	s.middle, carry = bits.Add64(s.middle, middle, carry)
	s.high += high + carry
	return s
}

// reduced returns the remainder modulo 2¹²⁷ − 1. Because 2¹²⁷ leaves 1, what is above 127 bits counts as much below.
func (s sum) reduced() (low, high uint64) {
	const ones = 1<<63 - 1
	low, carry := bits.Add64(s.low, s.high<<1|s.middle>>63, 0)
	high, _ = bits.Add64(s.middle&ones, s.high>>63, carry) // at most 2⁶³ + 1
	low, carry = bits.Add64(low, high>>63, 0)
	high = high&ones + carry
	if low == 1<<64-1 && high == ones { // the prime itself
		return 0, 0
	}
	return low, high
}
