package device

import "strings"

// Describe says in a person's words what browser and system a User-Agent header
// names. It is a hint for people: anybody can write any header. What is no
// browser is shown by its first word.
func Describe(userAgent string) string {
	browser := first(userAgent, [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	})
	system := first(userAgent, [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "Mac"}, {"Linux", "Linux"},
	})
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	case userAgent == "":
		return "Unknown device"
	}
	program, _, _ := strings.Cut(userAgent, " ")
	return program
}

// first returns the name of the first sign that s contains. The order matters:
// browsers claim to be those before them.
func first(s string, signs [][2]string) string {
	for _, sign := range signs {
		if strings.Contains(s, sign[0]) {
			return sign[1]
		}
	}
	return ""
}
