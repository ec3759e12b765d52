package token

// StrictJSON reads s as one JSON object by the rules of the scanner.
func StrictJSON(s string) error {
	return parseObject(s, func(p *parser, _ string) error { return p.skip() })
}

// ParseClaims reads the payload of an access token.
func ParseClaims(payload string) (*Claims, error) {
	c := &Claims{}
	return c, c.parse(payload)
}

// RefreshHash is the keyed hash of a refresh token.
var RefreshHash = refreshHash

// SignInput signs a header and a payload that somebody else has written.
func (k *SigningKey) SignInput(t interface{ Fatal(...any) }, input string) string {
	signature, err := k.signature([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}
