package oauth

import "fmt"

// An Error is a refusal in the words of RFC 6749 §4.1.2.1 and §5.2 and of those that
// add codes to them.
type Error struct {
	Code string // stable
	Says string // for people; printable ASCII without quotes and backslashes
}

func (e *Error) Error() string { return e.Code + ": " + e.Says }

// The codes.
const (
	InvalidRequest          = "invalid_request"
	InvalidClient           = "invalid_client"
	InvalidGrant            = "invalid_grant"
	InvalidScope            = "invalid_scope"
	InvalidTarget           = "invalid_target" // RFC 8707 §2
	UnauthorizedClient      = "unauthorized_client"
	UnsupportedGrantType    = "unsupported_grant_type"
	UnsupportedResponseType = "unsupported_response_type"
	UnsupportedTokenType    = "unsupported_token_type" // RFC 7009 §2.2.1
	AccessDenied            = "access_denied"
	ServerError             = "server_error"
	TemporarilyUnavailable  = "temporarily_unavailable"

	// OpenID Connect Core 1.0 §3.1.2.6
	LoginRequired           = "login_required"
	InteractionRequired     = "interaction_required"
	ConsentRequired         = "consent_required"
	RequestNotSupported     = "request_not_supported"
	InvalidRequestObject    = "invalid_request_object" // RFC 9101 §7
	RequestURINotSupported  = "request_uri_not_supported"
	RegistrationUnsupported = "registration_not_supported"

	// RFC 9470 §5
	UnmetAuthentication = "unmet_authentication_requirements"

	// RFC 8628 §3.5
	AuthorizationPending = "authorization_pending"
	SlowDown             = "slow_down"
	ExpiredToken         = "expired_token"

	// RFC 9449 §5, §8
	InvalidDPoPProof = "invalid_dpop_proof"
	UseDPoPNonce     = "use_dpop_nonce"
)

// Refuse returns an Error.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Says: printable(fmt.Sprintf(format, args...))}
}

// printable makes text what error_description may hold (RFC 6749 §5.2): a request is
// quoted in it.
func printable(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\'')
		case r < ' ' || r > '~':
			out = append(out, '?')
		default:
			out = append(out, byte(r))
		}
	}
	const most = 300
	return string(out[:min(len(out), most)])
}
