package passkeytest

import (
	"encoding/binary"
	"slices"
)

// What of CBOR (RFC 8949) a device says: numbers, bytes, text and maps of them, each
// written by one function.

func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
}

func number(n int) []byte {
	if n < 0 {
		return head(1, uint64(-1-n))
	}
	return head(0, uint64(n))
}

func byteString(b []byte) []byte { return append(head(2, uint64(len(b))), b...) }

func text(s string) []byte { return append(head(3, uint64(len(s))), s...) }

// cborMap writes keys and values, which come in turn.
func cborMap(pairs ...[]byte) []byte {
	return append(head(5, uint64(len(pairs)/2)), slices.Concat(pairs...)...)
}
