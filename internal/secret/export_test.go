package secret

import (
	"encoding/binary"
	"math/big"
)

// Sum returns the sum of v before it is hidden, and what it should be by plain arithmetic.
func (v *Veil) Sum(secret string) (got, want *big.Int) {
	low, high := v.sum(secret)
	whole := secret
	want = new(big.Int)
	words := []uint64{uint64(len(secret))}
	for ; len(secret) > 8; secret = secret[8:] {
		words = append(words, binary.LittleEndian.Uint64([]byte(secret)))
	}
	words = append(words, binary.LittleEndian.Uint64([]byte((whole + "\x00\x00\x00\x00\x00\x00\x00\x00")[max(len(whole)-8, 0):])))
	for i, word := range words {
		f := join(v.factors[i].low, v.factors[i].high)
		want.Add(want, f.Mul(f, new(big.Int).SetUint64(word)))
	}
	return join(low, high), want.Mod(want, prime)
}

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))

// Reduced returns what is left of a number of three words, and what should be.
func Reduced(low, middle, high uint64) (got, want *big.Int) {
	want = new(big.Int).Lsh(new(big.Int).SetUint64(high), 128)
	want.Add(want, join(low, middle))
	return join(sum{low, middle, high}.reduced()), want.Mod(want, prime)
}

// Stretch sets every factor to that number, instead of random ones.
func (v *Veil) Stretch(low, high uint64) {
	for i := range v.factors {
		v.factors[i] = factor{low, high}
	}
}

func join(low, high uint64) *big.Int {
	n := new(big.Int).SetUint64(high)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(low))
}
