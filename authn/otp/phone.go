package otp

import "strings"

// Bounds of a number by ITU-T E.164: at most 15 digits. The shortest numbers in use
// with a country code have seven.
const (
	minPhone = 7
	maxPhone = 15
)

// ParsePhone reads a telephone number as people type it, with spaces, hyphens,
// brackets and the digits of any script, and returns it as E.164 has it:
// "+4930123456". It must begin with "+" and the country code: what "0" or "00"
// would mean depends on where somebody is. Errors are a [CodeError].
func ParsePhone(typed string) (string, error) {
	if len(typed) > maxTyped {
		return "", wrongLength("phone_length", maxPhone, "This is too long for a telephone number.")
	}
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(typed, separates), "+")
	if !ok {
		if rest, ok = strings.CutPrefix(strings.TrimLeftFunc(typed, separates), "＋"); !ok {
			return "", unlike("phone_country", "Write the number with its country code, beginning with +, such as +49 30 123456.")
		}
	}
	number := []byte{'+'}
	for _, r := range rest {
		if d, ok := digit(r); ok {
			number = append(number, d)
			continue
		}
		if !separates(r) && r != '(' && r != ')' && r != '/' {
			return "", unlike("phone_digits", "A telephone number has only digits after the +.")
		}
	}
	switch digits := len(number) - 1; {
	case digits < minPhone:
		return "", unlike("phone_short", "This is too short for a telephone number with its country code.")
	case digits > maxPhone:
		return "", wrongLength("phone_length", maxPhone, "A telephone number has at most %d digits; you typed %d.", maxPhone, digits)
	case number[1] == '0':
		return "", unlike("phone_country", "No country code begins with 0. Write the number as it is dialled from abroad, such as +49 30 123456.")
	}
	return string(number), nil
}

// HintPhone writes a number so that its owner knows it and nobody else learns it:
// "+49 ••• 56".
func HintPhone(number string) string {
	if len(number) < 1+minPhone {
		return ""
	}
	return number[:3] + " ••• " + number[len(number)-2:]
}

// HintEmail does the same for an address: "a•••@example.org".
func HintEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return ""
	}
	first := []rune(address[:at])[0]
	return string(first) + "•••" + address[at:]
}
