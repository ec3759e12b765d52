package oauth

// A Form is a parsed body.
type Form = form

// ParseForm is what readForm does to a body.
var ParseForm = parseForm

// Need is form.need.
func (f form) Need(name string) (string, error) { return f.need(name) }
