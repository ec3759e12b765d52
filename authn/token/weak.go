package token

import "math/big"

// strongEd25519 reports whether b encodes, canonically, a point on edwards25519 that is not of small order. Under a point of small
// order some signatures hold for any message, so such a key signs for everybody.
func strongEd25519(b []byte) bool {
	le := make([]byte, len(b)) // big-endian y, without the sign bit of x
	for i, c := range b {
		le[len(b)-1-i] = c
	}
	le[0] &= 0x7f
	y := new(big.Int).SetBytes(le)
	if y.Cmp(curve.p) >= 0 {
		return false
	}
	// -x² + y² = 1 + d·x²·y², so x² = (y² - 1) / (d·y² + 1), which must be a square.
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, big.NewInt(1))
	v := new(big.Int).Mul(curve.d, yy)
	v.Add(v, big.NewInt(1)).ModInverse(v.Mod(v, curve.p), curve.p) // never zero: -1/d is not a square
	xx := u.Mod(u.Mul(u, v), curve.p)
	if big.Jacobi(xx, curve.p) != 1 { // 0 means x = 0: the points of order 1 and 2
		return false
	}
	// Order 4 has y = 0. Order 8 doubles to order 4: x² = -y², besides being on the curve.
	sum := yy.Mod(yy.Add(yy, xx), curve.p)
	return y.Sign() != 0 && sum.Sign() != 0
}

// curve holds p = 2²⁵⁵ - 19 and d = -121665/121666 of RFC 8032 §5.1.
var curve = func() (c struct{ p, d *big.Int }) {
	c.p = new(big.Int).Lsh(big.NewInt(1), 255)
	c.p.Sub(c.p, big.NewInt(19))
	c.d = new(big.Int).ModInverse(big.NewInt(121666), c.p)
	c.d.Mul(c.d, big.NewInt(-121665)).Mod(c.d, c.p)
	return c
}()

// roca reports whether an RSA modulus was made by the flawed generator of CVE-2017-15361, whose primes are k·M + 65537^a mod M for
// M the product of the first primes. The modulus is then a power of 65537 modulo each of those primes. A good modulus passes for
// such a one with a probability far below 2⁻²⁵.
func roca(n *big.Int) bool {
	for _, p := range [...]int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
		107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167} {
		if !powerOf65537(new(big.Int).Mod(n, big.NewInt(p)).Int64(), p) {
			return false
		}
	}
	return true
}

func powerOf65537(r, p int64) bool {
	g := int64(1)
	for {
		if g == r {
			return true
		}
		if g = g * 65537 % p; g == 1 {
			return false
		}
	}
}
