package rule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// The digits of a decimal's fraction.
const places = 4

// ParseDecimal reads a decimal as Cedar's decimal("…") does: "-12.34", with at
// least one digit on either side of the point and at most four to its right, from
// -922337203685477.5808 to 922337203685477.5807.
func ParseDecimal(s string) (sallyport.Value, error) {
	number, negative := strings.CutPrefix(s, "-")
	whole, fraction, ok := strings.Cut(number, ".")
	if !ok || !digits(whole) || !digits(fraction) {
		return sallyport.Value{}, fmt.Errorf("%q is no decimal such as 12.34", s)
	}
	if len(fraction) > places {
		return sallyport.Value{}, fmt.Errorf("%q has more than four digits after the point", s)
	}
	scaled := whole + fraction + strings.Repeat("0", places-len(fraction))
	if negative {
		scaled = "-" + scaled
	}
	n, err := strconv.ParseInt(scaled, 10, 64)
	if err != nil {
		return sallyport.Value{}, fmt.Errorf("%q is out of the range of decimals", s)
	}
	return sallyport.DecimalValue(n), nil
}

// digits reports whether s is one or more of 0 to 9.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func decimalTest(test func(a, b int64) bool) *function {
	return method(func(a, b sallyport.Value) (sallyport.Value, error) {
		return sallyport.BoolValue(test(a.Int(), b.Int())), nil
	}, sallyport.KindDecimal, sallyport.KindDecimal)
}

// decimalText writes a decimal as ParseDecimal reads it, with no more zeros at
// its end than needed.
func decimalText(n int64) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	fraction := strings.TrimRight(fmt.Sprintf("%04d", u%10000), "0")
	if fraction == "" {
		fraction = "0"
	}
	return fmt.Sprintf("%s%d.%s", sign, u/10000, fraction)
}
